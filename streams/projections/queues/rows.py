"""Rows of the tables as the values of `streams.projections.queues.reads`. Pure: for every adapter."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import groupby
from operator import itemgetter
from typing import Final

from streams.domain.queues.settings import QueueRoute
from streams.projections.queues.documents import headers_of, origin_of, settings_of
from streams.projections.queues.reads import (
    BodyRow,
    Depth,
    MessageRef,
    MessageRow,
    ShardRow,
    StepRow,
    SubscriptionRow,
    WindowRow,
)
from streams.projections.queues.tables import QUEUE_POINTS
from streams.projections.queues.windows import QueueCounts
from streams.projections.table import Row

_OF_WINDOW: Final = tuple(each.name for each in fields(WindowRow))


def shard_of(row: Row, subscriptions: Iterable[Row] = ()) -> ShardRow:
    """Return a shard of its columns: of the present 21, of the past 19."""
    told = (*row[:5], settings_of(row[5]), QueueRoute(*row[6:9]), *row[9:11], Depth(*row[11:16]), *row[16:19])
    more = (*row[19:21], tuple(map(subscription_of, subscriptions))) if len(row) > 19 else ()
    return ShardRow(*(*told, *more))


def subscription_of(row: Row) -> SubscriptionRow:
    """Return a subscription of its name, its counts, who waits, and its oldest."""
    return SubscriptionRow(*(row[0], Depth(*row[1:6]), *row[6:8]))


def message_of(row: Row) -> MessageRow:
    """Return a message of its place (5 columns), its delivery (13) and its body (12)."""
    headers, payload, stray, origin = row[22:26]
    body = BodyRow(*(*row[18:22], headers_of(headers), bytes(payload), stray, origin_of(origin), *row[26:30]))
    return MessageRow(*(MessageRef(*row[:5]), *row[5:18], body))


def step_of(row: Row, number: int) -> StepRow:
    """Return what happened to one message by a row of `MESSAGE_HISTORY`, without what they all have in common."""
    first, numbers, attempts, due_lease_ms, due_ms = row[5:10]
    place = number - first if numbers is None else list(numbers).index(number)
    due = (_at(due_lease_ms, place) or None, _at(due_ms, place) or None)
    return StepRow(*(*row[:5], _at(attempts, place) or 0, *due, *row[10:17], origin_of(row[17]), *row[18:20]))


def _at(values: Sequence[int] | None, place: int) -> int | None:
    """Return a message's value, of one for all or of one for each."""
    if values is None:
        return None
    return values[0] if len(values) == 1 else values[place]


def windows_of(rows: Iterable[Row]) -> dict[str, list[WindowRow]]:
    """Return the windows of `QUEUE_WINDOWS` rows, which are sorted by queue and start, over all partitions."""
    found: dict[str, list[WindowRow]] = {}
    for (queue, _), of_one in groupby(rows, itemgetter(2, 3)):
        point = dict(zip(QUEUE_POINTS.columns, QueueCounts.merged(list(of_one)), strict=True))
        found.setdefault(queue, []).append(WindowRow(**{name: point[name] for name in _OF_WINDOW}))
    return found
