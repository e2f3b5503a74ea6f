"""A log of caches and histories of clients, written by hand. Tokens are what one says; counts are places in time."""

from __future__ import annotations

from typing import Any

from streams.domain.caches import events as e
from tidelock.workload.consistency.entry_log import EntryLog
from tidelock.workload.consistency.judge import judge
from tidelock.workload.consistency.operations import Operation, fingerprint
from tidelock.workload.consistency.verdict import Verdict

KEY = "dev/prices"


class Case:
    """Grows as one likes; `verdict` judges."""

    def __init__(self, *, one_clock: bool = False) -> None:
        self.log = EntryLog()
        self.operations: list[Operation] = []
        self._one_clock = one_clock
        self._tokens = 0

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────────

    def wrote(
        self, client: str, value: bytes, *, entry: str = "x", keep: Any = "INVALID", key: str = KEY
    ) -> int:
        """A client's write is in force; return its version."""
        token = self._token()
        names = ("alice", client, 1, 0, entry, token)
        self.log.event(key, e.EntryWritten(*names, "WRITTEN", 1, keep, value, (), 0, 0, 0), _partition(key))
        return token

    def wrote_back(self, client: str, value: bytes | None, *, keep: Any = "SHARED") -> int:
        """A Modified line is written back; return the version."""
        token, attachment = self._token(), self._token()
        self.log.event(KEY, e.ListenerJoined("alice", client, 1, attachment, "", 0))
        self.log.event(KEY, e.EntryWrittenBack(attachment, "x", token, keep, value, 0))
        return token

    def lost(self, client: str, token: int) -> None:
        """A Modified line ended unwritten."""
        self.log.event(KEY, e.LineLost("alice", client, "", 1, "x", token, "LEASE_OVER"))

    def removed(self) -> None:
        """The entry is evicted."""
        self.log.event(KEY, e.EntriesRemoved(("x",), "EVICTED"))

    def granted(self, client: str, version: int) -> int:
        """A read is answered; return the line's token."""
        token = self._token()
        line = e.LineGranted("alice", client, 1, 0, 1, "x", token, "SHARED", version, 0, 0)
        self.log.event(KEY, line)
        return token

    def _token(self) -> int:
        self._tokens += 1
        return self._tokens

    # ── what clients did ────────────────────────────────────────────────────────────────────────────────────

    def did(self, client: str, kind: Any, version: int, value: bytes | None, **more: Any) -> Case:
        """An operation: `at=(began, ended)`, else after all before; `entry`, `local`, `grant`, `hit`."""
        last = max((each.ended for each in self.operations), default=0)
        began, ended = more.pop("at", (last + 1, last + 2))
        clock = "one" if self._one_clock else client
        key, entry = more.pop("key", KEY), more.pop("entry", "x")
        self.operations.append(
            Operation(
                client, clock, key, entry, kind, began, ended, version, value=fingerprint(value), **more
            )
        )
        return self

    def read(self, client: str, version: int, value: bytes | None, **more: Any) -> Case:
        return self.did(client, "READ", version, value, **more)

    def write(self, client: str, version: int, value: bytes, **more: Any) -> Case:
        return self.did(client, "WRITE", version, value, **more)

    # ── what comes of it ────────────────────────────────────────────────────────────────────────────────────

    @property
    def verdict(self) -> Verdict:
        return judge(self.log, self.operations)

    @property
    def codes(self) -> list[str]:
        return sorted(self.verdict.counts.elements())


def _partition(key: str) -> int:
    return int(key.partition("#")[2] or 0)
