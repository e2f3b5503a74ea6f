"""What a kind of resource is to the platform: a pure decider. Standard library only.

No clock, no randomness, no I/O, no iteration over sets, no float: what a decider needs to know comes in as an
argument, so that the same log folds to the same state on every machine and for ever.
"""

from dataclasses import field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from streams.domain.value import value

LeaseMs: TypeAlias = int
"""Milliseconds of a partition's lease clock (never wall time)."""

GENERATION_SHIFT = 48


@value
class Requester:
    """Who asked: the holder of a lock is (principal, client, handle); `sequence` names the one command."""

    principal: str
    client: str
    handle: str
    sequence: int
    session: str = ""
    """Registration token of the node it acts for: when that ends, so does what it holds. '': of none."""
    roles: tuple[str, ...] = ()
    """What it may do beyond what every client may (`streams.domain.roles`)."""


@value
class Context:
    """What surrounds one decision: lease time, the number its first event will get, the feature level."""

    now: LeaseMs
    generation: int
    next_number: int
    level: int = 1

    def token(self, index: int) -> int:
        """Return the fencing token of the decision's event number `index` (0 is the first)."""
        return (self.generation << GENERATION_SHIFT) | (self.next_number + index)


@value
class Tick:
    """The timer's command: something on this key is due at `context.now`."""


@value
class Rejected:
    """Why a command was refused; an answer like any other, and logged. `code` is stable, `message` names the cure."""

    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    retry_after_ms: int | None = None


E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


@value
class Decision(Generic[E_co, R_co]):
    """The outcome of one command: its events, in order, and the reply. A rejection has no events."""

    events: tuple[E_co, ...]
    reply: R_co | Rejected
    waiting: bool = False
    """True when the reply is interim: a later event settles this command (see `Decider.settles`)."""
    after: Any = field(default=None, compare=False, repr=False)
    """The state as the events leave it, if the decider has folded them already; None: fold them."""


@value
class Settled:
    """The later, final outcome of a command that waits."""

    principal: str
    client: str
    sequence: int
    reply: object


S = TypeVar("S")
C_contra = TypeVar("C_contra", contravariant=True)
E = TypeVar("E")


class Decider(Protocol[S, C_contra, E, R_co]):
    """Commands in, events out, one key at a time. Implementations are modules or frozen values."""

    def initial(self, key: str) -> S:
        """Return the state of an untouched key, always the same object: `evolve` returns it when nothing is left."""

    def decide(self, command: C_contra, who: Requester, state: S, context: Context) -> Decision[E, R_co]:
        """Return what `command` causes on `state`, or why it is refused. `Tick` has requester `TIMER`."""

    def evolve(self, state: S, event: E) -> S:
        """Return the state after `event`. Never changes once an event version is released."""

    def next_deadline(self, state: S) -> LeaseMs | None:
        """Return when a `Tick` is due, or None."""

    def settles(self, event: E) -> Settled | None:
        """Return the final answer that `event` gives to a command that waited, or None."""


TIMER = Requester(principal="", client="", handle="", sequence=0)
