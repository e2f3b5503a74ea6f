"""Bounded reads: every record with its verdict, from any place on, never judged from the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from streams.log.judged import read_partition
from streams.log.ports import LogUnavailable, Stored
from streams.log.reader import NotContiguous
from streams.replay.walk import verify_partition
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, grant, release


class Topic:
    """A `TopicReader` on a list."""

    def __init__(self, records: list[Stored], first: int = 0) -> None:
        self.records = records
        self.first = first

    async def bounds(self) -> tuple[int, int]:
        return self.first, self.records[-1].offset + 1 if self.records else 0

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        wanted = [one for one in self.records if one.offset >= start and (end is None or one.offset < end)]
        for position in range(0, len(wanted), 2):
            yield wanted[position : position + 2]


def book() -> Logbook:
    return Logbook().begun().commit(grant(1, 1)).write(b"a stranger's").commit(release(2, 1))


async def read(topic: Topic, start: int = 0, end: int | None = None) -> list[tuple[int, str | None]]:
    batches = read_partition(topic, WHERE, start=start, end=end)
    return [(one.position.offset, one.void) async for records in batches for one in records]


async def test_each_record_comes_with_its_verdict() -> None:
    assert await read(Topic(book().records)) == [(0, None), (1, None), (2, None), (3, "malformed"), (4, None)]


async def test_a_read_from_the_middle_is_judged_from_the_start() -> None:
    assert await read(Topic(book().records), start=4) == [(4, None)]
    assert await read(Topic(book().records), start=2, end=3) == [(2, None)]


async def test_a_log_whose_beginning_is_gone_is_not_judged() -> None:
    with pytest.raises(LogUnavailable, match="begins at offset 2"):
        await read(Topic(book().records, first=2))
    with pytest.raises(LogUnavailable, match="begins at offset 2"):
        await verify_partition(Topic(book().records, first=2), Topic([]), WHERE, WORDS)


async def test_a_hole_is_an_error() -> None:
    records = book().records
    with pytest.raises(NotContiguous):
        await read(Topic([*records[:2], *records[3:]]))


async def test_verifying_a_partition_tells_progress_and_what_counts() -> None:
    steps: list[tuple[int, int]] = []
    commands: list[str] = []
    report = await verify_partition(
        Topic(book().records), Topic([]), WHERE, WORDS,
        progress=lambda done, total: steps.append((done, total)),
        decided=lambda them: commands.extend(one.decision.command for one in them),
    )  # fmt: skip
    assert (report.ok, steps[-1], commands) == (True, (5, 5), ["AcquireLock", "ReleaseLock"])
