"""`QueueReads` on PostgreSQL: one statement a question, so that it has one snapshot."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, LiteralString

from storage.postgres import reads_queues_sql as sql
from storage.postgres.asking import above
from storage.postgres.pool import Connections
from storage.postgres.reads_kind import PostgresReads
from streams.log.positions import Position
from streams.projections.queues.reads import (
    KIND,
    MAX_WINDOWS,
    Biography,
    BiographyPage,
    MessageFilter,
    MessageRef,
    MessageRow,
    QueueFilter,
    QueueRow,
    StepRow,
    WindowRow,
)
from streams.projections.queues.rows import message_of, shard_of, step_of, windows_of
from streams.projections.queues.tables import BLOCK
from streams.projections.reads import STEPS, AsOf, Moment, RowsForgotten
from streams.projections.windows import WINDOW_MS

QUEUES: Final = "queues"
HISTORY: Final = "history of queues"
MESSAGES: Final = "history of messages"
AUDIT: Final = "queue_audit"


class PostgresQueueReads(PostgresReads):
    """Reads of queues."""

    def __init__(self, pool: Connections) -> None:
        super().__init__(pool, KIND, AUDIT)

    async def queues(
        self, tenant: str, wanted: QueueFilter, first: int, after: str | None, *, whole: bool = True
    ) -> tuple[Sequence[QueueRow], AsOf]:
        """Return queues by name."""
        conditions, given = _of_queues(wanted)
        given |= {"tenant": tenant, "after": after or "", "limit": first + 1}
        rows, when = await self._asking.listed(sql.queues(conditions, whole), QUEUES, given)
        return _queues(rows, when), when

    async def queues_by_name(
        self, tenant: str, names: Sequence[str], *, whole: bool = True
    ) -> Sequence[QueueRow | None]:
        """Return the queues of these names, in that order."""
        given = {"tenant": tenant, "names": list(names)}
        rows, when = await self._asking.listed(sql.named(whole), QUEUES, given)
        found = {queue.name: queue for queue in _queues(rows, when) if not queue.home.shard}
        return [found.get(name) for name in names]

    async def queue_at(self, tenant: str, name: str, at: Moment) -> QueueRow | None:
        """Return the queue as it was."""
        given: dict[str, Any] = {"tenant": tenant, "queue": name, "at": at}
        statement = sql.AT_TIME
        if isinstance(at, Position):
            given |= {"partition": at.partition.partition, "at": at.offset}
            statement = sql.AT_OFFSET
        rows, when = await self._asking.stood(statement, QUEUES, given, HISTORY)
        shards = tuple([shard_of(row[:19]) for row in rows])
        return QueueRow(name, shards, AsOf(when.stands, at)) if shards else None

    async def messages(
        self, tenant: str, queue: str, wanted: MessageFilter, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[MessageRow], AsOf]:
        """Return messages that are there, by shard and number."""
        conditions, given = _of_messages(wanted)
        shard, number = after or (0, 0)
        given |= {
            "tenant": tenant, "queue": queue, "subscription": wanted.subscription,
            "after_shard": shard, "after_number": number, "limit": first + 1,
        }  # fmt: skip
        rows, when = await self._asking.listed(sql.messages(conditions), QUEUES, given)
        return [message_of(row) for row in rows], when

    async def message(self, tenant: str, ref: MessageRef) -> tuple[Sequence[MessageRow], AsOf]:
        """Return the message once for each subscription that owes it."""
        rows, when = await self._asking.listed(sql.MESSAGE, QUEUES, _given(tenant, ref))
        return [message_of(row) for row in rows], when

    async def message_at(
        self, tenant: str, ref: MessageRef, subscription: str, at: Moment
    ) -> tuple[StepRow | None, AsOf]:
        """Return what had happened to the message last by then."""
        by_offset = isinstance(at, Position)
        given = _given(tenant, ref) | {
            "block": ref.number // BLOCK,
            "subscription": subscription,
            "at": at.offset if isinstance(at, Position) else at,
        }
        statement = sql.STEP_AT_OFFSET if by_offset else sql.STEP_AT_TIME
        rows, when = await self._asking.stood(statement, QUEUES, given, MESSAGES, STEPS)
        return (step_of(rows[0][:-1], ref.number) if rows else None), AsOf(when.stands, at)

    async def biographies(
        self, tenant: str, wanted: Sequence[BiographyPage]
    ) -> tuple[Sequence[Biography], AsOf]:
        """Return what happened to each message, oldest first."""
        rows, when = await self._asking.listed(sql.BIOGRAPHIES, QUEUES, _pages(tenant, wanted))
        found: list[list[StepRow]] = [[] for _ in wanted]
        gone: dict[int, RowsForgotten] = {}
        for place, *step, kept_from_ms, _ in rows:
            if kept_from_ms is None:
                found[place - 1].append(step_of(step, wanted[place - 1].ref.number))
            else:
                gone[place - 1] = RowsForgotten(MESSAGES, kept_from_ms, STEPS)
        return [gone.get(index, steps) for index, steps in enumerate(found)], when

    async def windows(
        self, tenant: str, queues: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        """Return by queue the windows that begin in this time, newest first."""
        from_ms = max(from_ms, to_ms - MAX_WINDOWS * WINDOW_MS)
        given = {"tenant": tenant, "queues": list(queues), "from_ms": from_ms, "to_ms": to_ms}
        return windows_of(await self._asking.rows(sql.WINDOWS, given))


def _queues(rows: Iterable[Any], when: AsOf) -> list[QueueRow]:
    """Return queues of rows of one shard and subscription each, or, where none is told, of one shard."""
    found: dict[str, list[Any]] = {}
    for _, of_shard in groupby(rows, itemgetter(1, 2)):
        shard, *others = of_shard
        subscriptions = [row[21:29] for row in (shard, *others) if row[21] is not None]
        found.setdefault(shard[1], []).append(shard_of(shard[:21], subscriptions))
    return [QueueRow(name, tuple(shards), when) for name, shards in found.items()]


def _of_queues(wanted: QueueFilter) -> tuple[LiteralString, dict[str, Any]]:
    text: LiteralString = ""
    given: dict[str, Any] = {}
    if wanted.name_prefix:
        text += sql.PREFIX
        given |= {"prefix": wanted.name_prefix, "below": above(wanted.name_prefix)}
    if wanted.paused is not None:
        text += sql.PAUSED
        given["paused"] = wanted.paused
    if wanted.dead is not None:
        text += sql.DEAD
        given["dead"] = wanted.dead
    return text, given


def _of_messages(wanted: MessageFilter) -> tuple[LiteralString, dict[str, Any]]:
    text: LiteralString = ""
    given: dict[str, Any] = {}
    conditions: tuple[tuple[LiteralString, LiteralString, object], ...] = (
        (sql.STATE, "state", wanted.state),
        (sql.GROUP, "group", wanted.group),
        (sql.REASON, "reason", wanted.reason),
        (sql.SHARD, "shard", wanted.shard),
    )
    for condition, key, wish in conditions:
        if wish is not None:
            text += condition
            given[key] = wish
    return text, given


def _given(tenant: str, ref: MessageRef) -> dict[str, Any]:
    return {
        "tenant": tenant, "partition": ref.partition, "queue": ref.queue, "shard": ref.shard,
        "incarnation": ref.incarnation, "number": ref.number,
    }  # fmt: skip


def _pages(tenant: str, wanted: Sequence[BiographyPage]) -> dict[str, Any]:
    refs, after = [each.ref for each in wanted], [each.after or (-1, -1) for each in wanted]
    return {
        "tenant": tenant,
        "partitions": [ref.partition for ref in refs],
        "queues": [ref.queue for ref in refs],
        "shards": [ref.shard for ref in refs],
        "incarnations": [ref.incarnation for ref in refs],
        "numbers": [ref.number for ref in refs],
        "blocks": [ref.number // BLOCK for ref in refs],
        "events": [event for event, _ in after],
        "parts": [part for _, part in after],
        "limits": [each.first + 1 for each in wanted],
    }
