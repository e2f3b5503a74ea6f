"""Consistent histories by construction: one machine in the middle, on which each operation happens at one instant."""

from dataclasses import dataclass, field
from random import Random

from streams.domain.caches import events as e
from tidelock.workload.consistency.entry_log import EntryLog
from tidelock.workload.consistency.operations import NOTHING, Operation, fingerprint


@dataclass
class Now:
    """An entry at this instant."""

    version: int = NOTHING
    value: bytes | None = None
    owner: str = ""
    local: int = 0


@dataclass
class Machine:
    """Clients at work on one machine. `skip` leaves the writes of these turns out of the log."""

    seed: int
    operations_at_all: int = 60
    shards: int = 1
    one_clock: bool = True
    modified: bool = True
    skip: frozenset[int] = frozenset()
    log: EntryLog = field(default_factory=EntryLog)
    operations: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self._entries: dict[tuple[str, str], Now] = {}
        self._tokens = self._count = 0

    def run(self) -> "Machine":
        """Let them work: operations overlap, and take effect somewhere between beginning and end."""
        waiting: list[tuple[int, Operation]] = []
        for turn in range(self.operations_at_all):
            waiting.append((turn, self._begun()))
            while waiting and (len(waiting) > 3 or self.random.random() < 0.5):
                self._happen(*waiting.pop(self.random.randrange(len(waiting))))
        for each in waiting:
            self._happen(*each)
        return self

    def _begun(self) -> Operation:
        client, entry = f"c{self.random.randrange(3)}", f"e{self.random.randrange(3)}"
        key = f"dev/x#{self.random.randrange(self.shards)}"
        kind = "READ" if self.random.random() < 0.6 else "WRITE"
        clock = "one" if self.one_clock else client
        return Operation(client, clock, key, entry, kind, self._next())  # type: ignore[arg-type]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _happen(self, turn: int, each: Operation) -> None:
        now = self._entries.setdefault((each.key, each.entry), Now())
        if now.owner and now.owner != each.client:
            self._write_back(each.key, each.entry, now)
        if each.kind == "WRITE":
            self._write(turn, each, now)
        elif self.random.random() < 0.05 and now.version and not now.owner:
            self.log.event(each.key, e.EntriesRemoved((each.entry,), "EVICTED"), self._partition(each.key))
            self._entries[each.key, each.entry] = now = Now()
        each.version, each.local, each.value = now.version, now.local, fingerprint(now.value)
        each.ended = self._next()
        self.operations.append(each)

    def _write(self, turn: int, each: Operation, now: Now) -> None:
        now.value = b"%d" % turn
        if now.owner:
            now.local += 1
            each.began = self._next()  # local writes are done at once
            return
        now.version, now.local = self._token(), 0
        now.owner = each.client if self.modified and self.random.random() < 0.3 else ""
        keep = "MODIFIED" if now.owner else "INVALID"
        names = ("alice", each.client, 1, 0, each.entry, now.version, "WRITTEN", 1)
        event = e.EntryWritten(*names, keep, now.value, (), 0, 0, 0)  # type: ignore[arg-type]
        if turn not in self.skip:
            self.log.event(each.key, event, self._partition(each.key))

    def _write_back(self, key: str, entry: str, now: Now) -> None:
        attachment, now.version, partition = self._token(), self._token(), self._partition(key)
        self.log.event(key, e.ListenerJoined("alice", now.owner, 1, attachment, "", 0), partition)
        event = e.EntryWrittenBack(attachment, entry, now.version, "SHARED", now.value, 0)
        self.log.event(key, event, partition)
        now.owner, now.local = "", 0

    def _token(self) -> int:
        self._tokens += 1
        return self._tokens

    def _partition(self, key: str) -> int:
        return int(key.partition("#")[2])
