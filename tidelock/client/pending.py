"""One command that is not done: from its sequence number to its final answer."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeAlias

from streams.domain.decider import Rejected
from streams.log.positions import PartitionId, Position
from streams.wire.messages import Refused
from tidelock.client.errors import TidelockError
from tidelock.client.membership import Membership
from tidelock.client.partition import Partition

Outcome: TypeAlias = Any | Rejected | TidelockError
"""A reply of the kind, a refusal, or why there is neither. Errors are values: often nobody awaits them."""


class Phase(Enum):
    """Where a command is."""

    QUEUED = auto()
    """Nowhere near the wire, or to be sent again."""
    SENT = auto()
    """On a connection; neither answered nor refused there."""
    WAITING = auto()
    """Answered; the final outcome will be pushed."""
    DONE = auto()


QUEUED: Final = Phase.QUEUED
SENT: Final = Phase.SENT
WAITING: Final = Phase.WAITING
DONE: Final = Phase.DONE


class Carrier(Protocol):
    """The worker that a command is on its way to."""

    address: str
    is_open: bool

    def settled(self) -> None:
        """One command that was sent got its answer or refusal."""


class Pending:
    """One command that is not done. Slotted: a dictionary would grow several times in its short life."""

    __slots__ = (
        "abandoned", "answered", "asked", "deadline_s", "decode", "first_sent_s", "future", "head", "link", "member",
        "offset", "on_done", "on_waiting", "outcome", "partition", "payloads", "phase", "refusal", "refusals",
        "renumbered", "sequence", "strikes", "tail", "uncertain", "wait_s", "waited",
    )  # fmt: skip

    def __init__(
        self,
        partition: Partition,
        sequence: int,
        head: bytes,
        tail: bytes,
        deadline_s: float,
        on_done: Callable[[Outcome], None] | None,
        decode: Callable[[bytes], Any],
    ) -> None:
        """`head`, the floor and `tail` make the command's record, the same at every attempt."""
        self.partition = partition
        self.sequence = sequence
        self.head = head
        self.tail = tail
        self.deadline_s = deadline_s
        self.on_done = on_done
        self.on_waiting: Callable[[Any], None] | None = None
        """Told the answer by which it waits, each time that this comes."""
        self.decode = decode
        self.phase: Phase = QUEUED
        self.link: Carrier | None = None
        self.first_sent_s: float | None = None
        self.answered = self.waited = False
        """It had its first answer; that was WAITING."""
        self.wait_s = 0.0
        self.uncertain = False
        """A copy was sent to which there is neither an answer nor a refusal: it may have been executed."""
        self.abandoned = False
        """Its caller is gone: never send it again."""
        self.asked: tuple[str, str, int] = ("", "", 0)
        """For an acquire or upgrade: name, handle and ttl_ms."""
        self.renumbered = False
        """It was refused for its deadline and asked once more, under a new sequence."""
        self.strikes = self.refusals = 0
        self.refusal: Refused | None = None
        self.payloads: tuple[bytes, ...] = ()
        self.member: Membership | None = None
        """On whose behalf it was sent."""
        self.offset = -1
        self.outcome: Outcome = None
        self.future: asyncio.Future[Outcome] | None = None

    @property
    def position(self) -> Position | None:
        """The commit that its answer is in; None without one."""
        where = PartitionId(self.partition.kind, self.partition.number)
        return Position(where, self.offset) if self.offset >= 0 else None

    def renumber(self, sequence: int, tail: bytes) -> None:
        """Become another command that asks for the same; nothing of it was sent yet."""
        self.sequence = sequence
        self.tail = tail
        self.renumbered = True
        self.answered = self.uncertain = False
        self.first_sent_s = None

    def result(self) -> "asyncio.Future[Outcome]":
        """Return what will hold the outcome, for the one who awaits it. Not if the command is done."""
        self.future = future = asyncio.get_running_loop().create_future()
        return future

    def settle(self, outcome: Outcome) -> None:
        """Tell whoever waits. Once: by the `Ledger`, which forgets the command then."""
        assert self.phase is not DONE, f"command {self.sequence} is done already"
        self.phase = DONE
        self.outcome = outcome
        future, on_done = self.future, self.on_done
        if future is not None and not future.done():
            future.set_result(outcome)
        if on_done is not None:
            on_done(outcome)
