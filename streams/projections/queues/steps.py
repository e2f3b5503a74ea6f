"""Rows of `MESSAGE_HISTORY`: one an event and 128 numbers in a row, however many messages that are."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from streams.domain.value import value
from streams.projections.causes import When, Who
from streams.projections.queues.reads import What
from streams.projections.queues.standing import Head
from streams.projections.queues.tables import ALL, BLOCK
from streams.projections.table import Row

Entry: TypeAlias = tuple[int, int, int]
"""Message number, deliveries that count, lease time when something is due or 0."""


@value
class Step:
    """What one event did to some messages."""

    event: int
    subscription: str
    what: What
    who: Who
    cause: str | None = None
    reason: str | None = None
    target: str | None = None
    origin: str | None = None
    alone: bool = False
    """Whether the event has more rows in the same block, one a message."""


def step_rows(head: Head, when: When, step: Step, entries: Sequence[Entry]) -> Iterator[Row]:
    """Yield the rows of what one event did to the messages of `entries`, in any order."""
    if len(entries) == 1:
        yield _row(head, when, step, entries)
        return
    for _, block in groupby(sorted(entries), _block):
        yield _row(head, when, step, list(block))


def end_row(head: Head, when: When, step: Step, numbers: Sequence[int], part: int) -> Row:
    """Return the row of the end of all that a subscription had."""
    told = (min(numbers), max(numbers), None, None, None, None)
    return (*_key(head, step, ALL, part), *told, *_rest(when, step))


def _block(entry: Entry) -> int:
    return entry[0] // BLOCK


def _row(head: Head, when: When, step: Step, entries: Sequence[Entry]) -> Row:
    first, last = entries[0][0], entries[-1][0]
    whole = last - first == len(entries) - 1
    numbers = None if whole else tuple([number for number, _, _ in entries])
    attempts = _same([attempts for _, attempts, _ in entries])
    due = _same([due for _, _, due in entries])
    lease_ms, wall_ms = (None, None)
    if due != (0,):
        lease_ms, wall_ms = due, tuple([when.wall(each) if each else 0 for each in due])
    key = _key(head, step, first // BLOCK, first if step.alone else 0)
    return (*key, first, last, numbers, attempts, lease_ms, wall_ms, *_rest(when, step))


def _same(values: list[int]) -> tuple[int, ...]:
    """Return one value if all are the same."""
    return (values[0],) if values.count(values[0]) == len(values) else tuple(values)


def _key(head: Head, step: Step, block: int, part: int) -> Row:
    return (
        head.partition, head.incarnation, block, step.event, part,
        head.tenant, head.queue, head.shard, step.subscription, step.what,
    )  # fmt: skip


def _rest(when: When, step: Step) -> Row:
    who = step.who
    return (
        who.token, who.principal, who.client, who.handle, step.cause, step.reason, step.target, step.origin,
        when.offset, when.time_ms,
    )  # fmt: skip
