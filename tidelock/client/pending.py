"""One command that is not done: from its sequence number to its final answer."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias

from schemas.varints import write_varint
from streams.domain.decider import Rejected
from streams.wire.messages import Refused
from tidelock.client.errors import TidelockError
from tidelock.client.partition import Partition

if TYPE_CHECKING:
    from tidelock.client.lease import Lease
    from tidelock.client.link import Link

Outcome: TypeAlias = Any | Rejected | TidelockError
"""A reply of the kind, a refusal, or why there is neither. Errors are values: often nobody awaits them."""

_LENGTH = Struct(">I")


class Phase(Enum):
    """Where a command is."""

    QUEUED = auto()
    """Nowhere near the wire, or to be sent again."""
    SENT = auto()
    """On a connection; neither answered nor refused there."""
    WAITING = auto()
    """Answered; the final outcome will be pushed."""
    DONE = auto()


class Pending:
    """One command that is not done."""

    __slots__ = (
        "abandoned",
        "answered",
        "deadline_s",
        "decode",
        "first_sent_s",
        "future",
        "head",
        "lease",
        "link",
        "offset",
        "on_done",
        "outcome",
        "partition",
        "payloads",
        "phase",
        "refusal",
        "refusals",
        "sequence",
        "strikes",
        "tail",
        "uncertain",
        "undo",
        "wait_s",
        "waited",
    )

    def __init__(
        self,
        partition: Partition,
        sequence: int,
        head: bytes,
        tail: bytes,
        *,
        deadline_s: float,
        on_done: Callable[[Outcome], None] | None,
        decode: Callable[[bytes], Any],
    ) -> None:
        """`head`, the floor and `tail` make the command's single-object encoding."""
        self.partition = partition
        self.sequence = sequence
        self.head = head
        self.tail = tail
        self.deadline_s = deadline_s
        self.wait_s = 0.0
        self.phase = Phase.QUEUED
        self.link: Link | None = None
        self.first_sent_s: float | None = None
        self.answered = False
        """It had its first answer."""
        self.waited = False
        self.uncertain = False
        """A copy was sent to which there is neither an answer nor a refusal: it may have been executed."""
        self.abandoned = False
        """Its caller is gone: never send it again."""
        self.undo: tuple[str, str] | None = None
        """For an acquire or upgrade: name and handle to withdraw it by, should its caller go away."""
        self.lease: Lease | None = None
        """For an upgrade: what it changes."""
        self.strikes = 0
        self.refusal: Refused | None = None
        self.refusals = 0
        self.payloads: tuple[bytes, ...] = ()
        self.offset = -1
        self.outcome: Outcome = None
        self.future: asyncio.Future[Outcome] | None = None
        self.on_done = on_done
        self.decode = decode

    def frame(self, floor: int) -> bytes:
        """Return the bytes to send: the same at every attempt but for the floor."""
        varint = write_varint(floor << 1)
        return _LENGTH.pack(len(self.head) + len(varint) + len(self.tail)) + self.head + varint + self.tail

    def settle(self, outcome: Outcome) -> None:
        """Tell whoever waits, once."""
        self.phase = Phase.DONE
        self.outcome = outcome
        if self.future is not None and not self.future.done():
            self.future.set_result(outcome)
        if self.on_done is not None:
            self.on_done(outcome)
