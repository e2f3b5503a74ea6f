"""The frames of the direct lane and the messages common to all kinds, as values.

Each class is the Avro record `tidelock.wire.<Name>` of `schemas/avro/wire`, field for field (commands lack
`meta`, which travels beside them). `tidelock.wire.Rejected` is `streams.domain.decider.Rejected`.
Standard library only.
"""

from streams.domain.value import value


@value
class Hello:
    """First frame of a connection, from the client."""

    protocol: int
    token: str
    client: str


@value
class KindInfo:
    """A kind that the worker's cluster serves, and how many partitions it has."""

    kind: str
    partitions: int


@value
class Route:
    """Where a partition's owner listens."""

    kind: str
    partition: int
    address: str


@value
class Welcome:
    """The owner's answer to `Hello`; the client counts its "now" from `mark_ms`."""

    protocol: int
    worker: str
    tenant: str
    principal: str
    kinds: tuple[KindInfo, ...]
    routes: tuple[Route, ...]
    mark_ms: int
    max_in_flight: int


@value
class Answer:
    """One command's outcome; `waiting`: a later frame carries the final one."""

    sequence: int
    waiting: bool
    reply: bytes
    payloads: tuple[bytes, ...] = ()


NO_COMMIT = -1
"""The offset of frames whose answers no commit decided; their lease time means nothing."""


@value
class Answers:
    """Answers and pushes of one accepted commit to one connection, or (`NO_COMMIT`) what no commit had to decide."""

    kind: str
    partition: int
    offset: int
    lease_ms: int
    mark_ms: int
    answers: tuple[Answer, ...]

    @property
    def decided(self) -> bool:
        """Whether a commit decided them."""
        return self.offset > NO_COMMIT


@value
class Refused:
    """Not an answer: nothing was decided. `sequence` -1 concerns the whole connection."""

    sequence: int
    code: str
    message: str
    kind: str
    partition: int
    address: str | None = None
    retry_after_ms: int | None = None


@value
class Count:
    """How often the client did something that its kind has a word for."""

    what: str
    times: int


@value
class Told:
    """From the client: what it counted by itself since it last told. Decided by nobody, in no log, not answered."""

    kind: str
    name: str
    counts: tuple[Count, ...]


@value
class Done:
    """Reply: accepted, nothing more to say."""


@value
class Barrier:
    """Command to a partition of any kind: decided without events, answered with its position."""

    kind: str
    partition: int


@value
class BarrierPassed:
    """Reply to `Barrier`: the number of the partition's next event."""

    number: int


@value
class EndSession:
    """Command to a partition of any kind: the session `ended` holds nothing any more, its commands are refused."""

    kind: str
    partition: int
    ended: str
    cause: str
    """Why, in 1 to 256 printable characters."""


@value
class SessionEnded:
    """Event of `EndSession`; past the wall mark and the lease time that it names the token may be forgotten.

    Past both: leases run by lease time, which an outage stretches by as long as it takes; commands by the wall mark.
    """

    session: str
    forget_after_ms: int
    cause: str
    forget_after_lease_ms: int = 0


@value
class TimerFailed:
    """Event: the timer of this decision's key raised; the key is parked until it is next commanded."""

    error: str
