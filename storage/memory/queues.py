"""`QueueReads` over a `MemoryProjectionStore`: for pure tests and single-process use. It looks at all rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from storage.memory.projections import MemoryProjectionStore
from storage.memory.reads import MemoryReads, by_then
from streams.projections.queues.projections import AUDIT, QUEUES
from streams.projections.queues.reads import (
    MAX_WINDOWS,
    Biography,
    BiographyPage,
    MessageFilter,
    MessageRef,
    MessageRow,
    QueueFilter,
    QueueRow,
    ShardRow,
    StepRow,
    WindowRow,
)
from streams.projections.queues.rows import message_of, shard_of, step_of, windows_of
from streams.projections.queues.tables import (
    ALL,
    BLOCK,
    MESSAGE_HISTORY,
    QUEUE_DELIVERIES,
    QUEUE_HISTORY,
    QUEUE_MESSAGES,
    QUEUE_SHARDS,
    QUEUE_SUBSCRIPTIONS,
    QUEUE_WINDOWS,
)
from streams.projections.reads import STEPS, AsOf, Moment, RowsForgotten
from streams.projections.table import Row
from streams.projections.windows import WINDOW_MS

_IN_PLAY = ("READY", "DELAYED", "LEASED")
_ENDINGS = ("ACKED", "PURGED", "MOVED")


class MemoryQueueReads(MemoryReads):
    """Reads of queues."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        super().__init__(store, QUEUES, AUDIT)

    async def queues(
        self, tenant: str, wanted: QueueFilter, first: int, after: str | None, *, whole: bool = True
    ) -> tuple[Sequence[QueueRow], AsOf]:
        """Return queues by name."""
        when = await self._as_of()
        names = [name for name in self._names(tenant) if name > (after or "")]
        found = [self._queue(tenant, name, when, whole) for name in names]
        return [queue for queue in found if queue and _fits(queue, wanted)][: first + 1], when

    async def queues_by_name(
        self, tenant: str, names: Sequence[str], *, whole: bool = True
    ) -> Sequence[QueueRow | None]:
        """Return the queues of these names, in that order."""
        when = await self._as_of()
        return [self._queue(tenant, name, when, whole) for name in names]

    async def queue_at(self, tenant: str, name: str, at: Moment) -> QueueRow | None:
        """Return the queue as it was."""
        self._kept("history of queues", at, QUEUE_HISTORY)
        latest: dict[int, dict[str, Any]] = {}
        settings: dict[int, str] = {}
        for row in sorted(self._rows(QUEUE_HISTORY), key=lambda row: (row["offset_"], row["at_ms"])):
            if (row["tenant"], row["queue"]) == (tenant, name) and by_then(row, at):
                latest[row["shard"]] = row
                settings[row["shard"]] = row["settings"] or settings.get(row["shard"], "")
        shards = [
            _shard(row | {"settings": settings[number], "changed_offset": row["offset_"], "changed_ms": row["at_ms"]})
            for number, row in sorted(latest.items())
            if not row["deleted"]
        ]  # fmt: skip
        when = await self._as_of()
        return QueueRow(name, tuple(shards), AsOf(when.stands, at)) if shards else None

    async def messages(
        self, tenant: str, queue: str, wanted: MessageFilter, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[MessageRow], AsOf]:
        """Return messages that are there, by shard and number."""
        found = [
            each
            for each in self._messages(tenant)
            if each.ref.queue == queue
            and (each.ref.shard, each.ref.number) > (after or (0, 0))
            and _wanted(each, wanted)
        ]
        found.sort(key=lambda each: (each.ref.shard, each.ref.number))
        return found[: first + 1], await self._as_of()

    async def message(self, tenant: str, ref: MessageRef) -> tuple[Sequence[MessageRow], AsOf]:
        """Return the message once for each subscription that owes it."""
        found = [each for each in self._messages(tenant) if each.ref == ref]
        return sorted(found, key=lambda each: each.subscription), await self._as_of()

    async def message_at(
        self, tenant: str, ref: MessageRef, subscription: str, at: Moment
    ) -> tuple[StepRow | None, AsOf]:
        """Return what had happened to the message last by then."""
        self._kept("history of messages", at, MESSAGE_HISTORY, way=STEPS)
        last, steps = None, self._steps(tenant, ref)
        if isinstance(steps, RowsForgotten):
            raise steps
        for row in steps:
            if row["subscription"] in (subscription, "") and by_then(row, at):
                last = _step(row, ref.number)
        return last, AsOf((await self._as_of()).stands, at)

    async def biographies(
        self, tenant: str, wanted: Sequence[BiographyPage]
    ) -> tuple[Sequence[Biography], AsOf]:
        """Return what happened to each message, oldest first."""
        return [self._page(tenant, each) for each in wanted], await self._as_of()

    async def windows(
        self, tenant: str, queues: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        """Return by queue the windows that begin in this time, newest first."""
        from_ms = max(from_ms, to_ms - MAX_WINDOWS * WINDOW_MS)
        found = [
            row
            for row in self._store.rows.get(QUEUE_WINDOWS, {}).values()
            if row[1] == tenant and row[2] in queues and from_ms <= row[3] < to_ms
        ]
        return windows_of(sorted(found, key=lambda row: (row[2], -row[3], row[0])))

    def _names(self, tenant: str) -> list[str]:
        rows = self._rows(QUEUE_SHARDS)
        return sorted({row["queue"] for row in rows if row["tenant"] == tenant and not row["shard"]})

    def _page(self, tenant: str, wanted: BiographyPage) -> Biography:
        rows = self._steps(tenant, wanted.ref)
        if isinstance(rows, RowsForgotten):
            return rows
        steps = [_step(row, wanted.ref.number) for row in rows]
        found = [each for each in steps if (each.event, each.part) > (wanted.after or (-1, -1))]
        return found[: wanted.first + 1]

    def _queue(self, tenant: str, name: str, when: AsOf, whole: bool) -> QueueRow | None:
        rows = [row for row in self._rows(QUEUE_SHARDS) if (row["tenant"], row["queue"]) == (tenant, name)]
        rows.sort(key=lambda row: int(row["shard"]))
        if not rows or rows[0]["shard"]:
            return None
        shards = tuple([_shard(row, self._subscriptions(row) if whole else ()) for row in rows])
        return QueueRow(name, shards, when)

    def _subscriptions(self, shard: Mapping[str, Any]) -> list[Row]:
        mine = [row for row in self._rows(QUEUE_SUBSCRIPTIONS) if _same(row, shard)]
        mine.sort(key=lambda row: str(row["subscription"]))
        return [(row["subscription"], *_counts(row), row["waiting"], self._oldest(row)) for row in mine]

    def _oldest(self, subscription: Mapping[str, Any]) -> int | None:
        times = [
            row["enqueued_ms"]
            for row in self._rows(QUEUE_DELIVERIES)
            if _same(row, subscription)
            and row["subscription"] == subscription["subscription"]
            and row["state"] in _IN_PLAY
        ]
        return min(times, default=None)

    def _messages(self, tenant: str) -> Iterator[MessageRow]:
        """Yield every message once for each subscription."""
        shards = {
            (row["partition"], row["incarnation"]): row
            for row in self._rows(QUEUE_SHARDS)
            if row["tenant"] == tenant
        }
        bodies = self._store.rows.get(QUEUE_MESSAGES, {})
        for row in self._rows(QUEUE_DELIVERIES):
            shard = shards.get((row["partition"], row["incarnation"]))
            if shard is None:
                continue
            body = bodies[row["partition"], row["incarnation"], row["number"]]
            place = (row["partition"], shard["queue"], shard["shard"], row["incarnation"], row["number"])
            told = ("subscription", "state", "attempts", "due_lease_ms", "due_ms", "token", "principal", "client",
                    "handle", "reason", "target", "since_ms", "changed_offset")  # fmt: skip
            yield message_of((*place, *[row[name] for name in told], *body[3:]))

    def _steps(self, tenant: str, ref: MessageRef) -> list[dict[str, Any]] | RowsForgotten:
        """Return the history of a message, in order; of one that has none, that it may be forgotten."""
        found = [row for row in self._rows(MESSAGE_HISTORY) if _is_of(row, tenant, ref)]
        ended = {row["subscription"] for row in found if row["what"] in _ENDINGS}
        found = [row for row in found if row["block"] != ALL or row["subscription"] not in ended]
        if all(row["block"] == ALL for row in found):
            may_be_gone = (MESSAGE_HISTORY.name, ref.partition) in self._store.forgotten
            from_ms = self._store.kept_from.get(MESSAGE_HISTORY.name, 0)
            return RowsForgotten("history of messages", from_ms, STEPS) if may_be_gone else []
        return sorted(found, key=lambda row: (row["event"], row["part"]))


def _counts(row: Mapping[str, Any]) -> Row:
    return tuple([row[state] for state in ("ready", "delayed", "leased", "dead", "moving")])


def _same(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    keys = ("partition", "incarnation")
    return all(row[key] == other[key] for key in keys)


def _shard(row: Mapping[str, Any], subscriptions: Iterable[Row] | None = None) -> ShardRow:
    names = ["partition", "queue", "shard", "incarnation", "version", "settings", "epoch", "shards", "previous",
             "messages", "bytes", "ready", "delayed", "leased", "dead", "moving", "waiting", "changed_offset",
             "changed_ms"]  # fmt: skip
    if subscriptions is None:
        return shard_of(tuple([row[name] for name in names]))
    return shard_of(tuple([row[name] for name in (*names, "next_message", "created_ms")]), subscriptions)


def _fits(queue: QueueRow, wanted: QueueFilter) -> bool:
    if not queue.name.startswith(wanted.name_prefix or ""):
        return False
    if wanted.paused is not None and queue.home.settings.paused != wanted.paused:
        return False
    return wanted.dead is None or wanted.dead == (queue.depth.dead > 0)


def _wanted(message: MessageRow, wanted: MessageFilter) -> bool:
    return (
        message.subscription == wanted.subscription
        and wanted.state in (None, message.state)
        and wanted.group in (None, message.body.group)
        and wanted.shard in (None, message.ref.shard)
        and (wanted.reason or "") in (message.reason or "")
        and (wanted.reason is None or message.reason is not None)
    )


def _is_of(row: Mapping[str, Any], tenant: str, ref: MessageRef) -> bool:
    place = (row["partition"], row["tenant"], row["queue"], row["shard"], row["incarnation"])
    if place != (ref.partition, tenant, ref.queue, ref.shard, ref.incarnation):
        return False
    if row["block"] not in (ALL, ref.number // BLOCK) or not row["first_"] <= ref.number <= row["last_"]:
        return False
    return row["numbers"] is None or ref.number in row["numbers"]


def _step(row: Mapping[str, Any], number: int) -> StepRow:
    names = ("partition", "event", "part", "subscription", "what", "first_", "numbers", "attempts", "due_lease_ms",
             "due_ms", "token", "principal", "client", "handle", "cause", "reason", "target", "origin", "offset_",
             "at_ms")  # fmt: skip
    return step_of(tuple([row[name] for name in names]), number)
