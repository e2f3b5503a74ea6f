"""What must hold of the caches of one partition, checked from their events alone. A second opinion.

One Modified or Exclusive owner an entry; no grant while it changes; in strict mode no change before everybody whose
line ended has acknowledged, or trusts it no longer; write-backs by the owner's line alone; no loss without a word.
"""

from collections import Counter
from typing import Any

from streams.domain.caches import events as e
from streams.domain.caches import replies as r
from streams.log.records import LoggedDecision
from streams.replay.caches.entries import EntryChecks
from streams.replay.caches.lines import LineChecks
from streams.replay.caches.shard import Shard
from streams.replay.findings import Report
from streams.replay.invariants import Complain
from streams.replay.sessions import EndedSessions

_COUNTED: dict[type, str] = {
    e.LineGranted: "grants",
    e.LinesCalled: "calls",
    e.EntryWritten: "writes",
    e.EntryWrittenBack: "written_back",
    e.LineLost: "lost",
}


class CacheInvariants:
    """A model of each shard that is there."""

    def __init__(self) -> None:
        self._ended = EndedSessions()
        self._shards: dict[str, tuple[Shard, LineChecks, EntryChecks]] = {}
        self._counts: Counter[str] = Counter()
        self._greatest = 0

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check and remember one event."""
        key = decision.key
        self._greatest = number
        self._ended.event(event, decision)
        if type(event).__module__ not in _MODULES:
            return
        if type(event) in _COUNTED:
            self._counts[_COUNTED[type(event)]] += 1
        if isinstance(event, e.CacheCreated):
            self._created(number, key, event, complain)
            return
        found = self._shards.get(key)
        if found is None:
            complain("NO_SUCH_LISTENER", f"{key}: {type(event).__name__} of a cache that is not there")
            return
        shard, lines, entries = found
        match event:
            case e.CacheConfigured():
                shard.settings = event.settings
            case e.CacheClosing():
                _close(shard)
            case e.CacheDeleted():
                if any(listener.gone is None for listener in shard.listeners.values()):
                    complain("EARLY", f"{key}: deleted while listeners may still trust lines")
                del self._shards[key]
            case _:
                if not lines.event(number, event, decision, lease_ms, complain):
                    entries.event(number, event, decision, lease_ms, complain)

    def reply(self, reply: Any, decision: LoggedDecision, complain: Complain) -> None:
        """Check a read that was answered without an event, and who is said to wait."""
        found = self._shards.get(decision.key)
        if found is None:
            return
        shard = found[0]
        match reply:
            case r.EntryRead() if reply.found and not reply.attachment and not decision.waiting:
                entry = shard.entries.get(reply.entry)
                if entry is None or not entry.has_value or entry.version != reply.version or entry.change:
                    complain(
                        "STALE", f"{decision.key}: version {reply.version} of {reply.entry} is not in force"
                    )
            case r.Listening():
                listener = shard.listeners.get(reply.attachment)
                if listener is None or listener.expires_at != reply.expires_at:
                    complain(
                        "REPLY",
                        f"{decision.key}: {reply.attachment} does not listen until {reply.expires_at}",
                    )
            case _:
                pass

    def finish(self, report: Report) -> None:
        """Write down what was counted, and what is still there."""
        shards = [shard for shard, _, _ in self._shards.values()]
        report.greatest_token = self._greatest
        report.counts = {
            "caches": len(shards), **{name: self._counts[name] for name in _COUNTED.values()},
            "entries": sum(entry.has_value for shard in shards for entry in shard.entries.values()),
            "lines": sum(len(entry.lines) for shard in shards for entry in shard.entries.values()),
            "listeners": sum(each.gone is None for shard in shards for each in shard.listeners.values()),
        }  # fmt: skip

    def _created(self, number: int, key: str, event: e.CacheCreated, complain: Complain) -> None:
        if event.incarnation != number:
            complain("TOKEN", f"{key}: incarnation {event.incarnation} instead of {number}")
        if key in self._shards:
            complain("CONFLICT", f"{key}: it was created though it was there")
        shard = Shard(event.settings)
        self._shards[key] = (shard, LineChecks(key, shard, self._ended), EntryChecks(key, shard))


_MODULES = frozenset({e.__name__, e.LineGranted.__module__, e.EntryWritten.__module__})


def _close(shard: Shard) -> None:
    """Forget all entries; who listens stays until it cannot trust a line any more."""
    shard.entries.clear()
    for attachment, listener in tuple(shard.listeners.items()):
        listener.lines.clear()
        listener.open.clear()
        if listener.gone is not None:
            del shard.listeners[attachment]
