"""What the producers and consumers of a run write down themselves, so that it can be compared with the log later.

They are of one process and one event loop, so that one count tells the order of everything that they do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zlib import crc32

from tidelock.client.errors import PayloadUnreadable, TidelockError
from tidelock.client.queues.ids import MessageId
from tidelock.client.queues.message import Message
from tidelock.workload.trace import BlockIo

Payload: TypeAlias = dict[str, Any]


def payload_of(io: BlockIo, run: str) -> Payload:
    """Return an I/O as the message says it; `run` tells it from those of other runs."""
    return {"run": run, "line": io.line, "op": io.op, "size": io.size}


def group_of(io: BlockIo) -> str:
    """Return the group: I/Os of the same first block stay in order."""
    return str(io.lbn)


def fails(line: int, attempt: int, share: float) -> bool:
    """Say whether the handler fails at this attempt: of all alike `share`, and the same in each run."""
    return crc32(f"{line}/{attempt}".encode()) < share * 2**32


@dataclass(slots=True)
class Handout:
    """One message in the hands of a handler. Places are counts of the journal; 0: it never came to that."""

    message: MessageId
    token: int
    attempt: int
    client: str
    line: int
    group: str
    altered: bool
    """It is not what was put."""
    began: int
    ended: int = 0
    settled: int = 0
    """When the acknowledgement, or the failure, was confirmed."""
    failed: bool = False
    problem: str = ""
    """Why it was not confirmed."""

    @property
    def is_acked(self) -> bool:
        """Whether the consumer knows that it is done for good."""
        return self.settled > 0 and not self.failed


@dataclass(slots=True)
class Journal:
    """The records of one run."""

    run: str
    ios: Mapping[int, BlockIo]
    """By line."""
    put: dict[int, MessageId] = field(default_factory=dict)
    """By line: what was told to be in the queue, as which message."""
    uncertain: set[int] = field(default_factory=set)
    """Lines whose put ended with an error."""
    handouts: list[Handout] = field(default_factory=list)
    """In the order in which they were handed out."""
    acked: set[int] = field(default_factory=set)
    """Lines of which a consumer knows that they are done."""
    foreign: int = 0
    """Messages that lay in the queue from elsewhere, and were worked off with the others."""
    open: int = 0
    """Lines that are in the queue, and not known to be done."""
    _places: int = 0

    @classmethod
    def of(cls, run: str, ios: Sequence[BlockIo]) -> "Journal":
        """Return the empty journal of a run over `ios`."""
        return cls(run, {io.line: io for io in ios})

    @property
    def moves(self) -> int:
        """Rises with everything that happens."""
        return self._places + len(self.put)

    def was_put(self, line: int, message: MessageId) -> None:
        """A producer was told that the line is in the queue."""
        self.put[line] = message
        self.open += line not in self.acked

    def was_refused(self, line: int) -> None:
        """A producer was told an error."""
        self.uncertain.add(line)

    def io_of(self, said: Any) -> BlockIo | None:
        """Return the I/O that a payload tells of; None: it is not of this run."""
        if not isinstance(said, dict) or said.get("run") != self.run:
            return None
        line = said.get("line")
        return self.ios.get(line) if isinstance(line, int) else None

    def handed(self, message: Message[Any], client: str) -> Handout | None:
        """A handler begins. None: the message is not of this run."""
        try:
            said = message.payload
        except PayloadUnreadable:
            said = None
        io = self.io_of(said)
        if io is None:
            self.foreign += 1
            return None
        group = message.group or ""
        altered = said != payload_of(io, self.run) or group != group_of(io)
        handout = Handout(
            message.id, message.token, message.attempt, client, io.line, group, altered, self._place()
        )
        self.handouts.append(handout)
        return handout

    def ended(self, handout: Handout, *, failed: bool) -> None:
        """Its handler ended; nobody was told of it yet."""
        handout.ended, handout.failed = self._place(), failed

    def settled(self, handout: Handout, problem: TidelockError | None = None) -> None:
        """The worker confirmed what was said of it, or not."""
        if problem is not None:
            handout.problem = problem.code
            return
        handout.settled = self._place()
        if not handout.failed:
            self.open -= handout.line in self.put and handout.line not in self.acked
            self.acked.add(handout.line)

    def _place(self) -> int:
        self._places += 1
        return self._places
