"""Showing the log: what counts, what does not, by time over all partitions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from streams.log.judged import Judge
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.reader import UnknownEvent
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, grant, release, waiting
from tidelock.cli.log_merge import following, merged
from tidelock.cli.log_view import RecordView


def shown(
    book: Logbook, capsys: pytest.CaptureFixture[str], *, void: bool = False, as_json: bool = False
) -> list[str]:
    view, judge = RecordView({WHERE.kind: WORDS}, void=void, json=as_json), Judge(WHERE)
    for stored in book.records:
        view.show(judge.judge(stored))
    return capsys.readouterr().out.splitlines()


def book() -> Logbook:
    return Logbook().begun().commit(grant(1, 1), waiting(1, 2)).write(b"a stranger's").commit(release(2, 1))


def test_decisions_are_shown_with_who_what_and_the_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(shown(book(), capsys))
    for words in ("Genesis of locks/0", "Claim by 127.0.0.1:1", "locks/0@2  commit 1, 2 decisions",
                  "AcquireLock dev/orders/42 by dev/a/1#1", "→ LockGranted token=1 mode=EXCLUSIVE",
                  "answer: LockWaiting ticket=2", "→ LockReleased token=1"):  # fmt: skip
        assert words in text
    assert "VOID" not in text


def test_void_records_are_marked_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert any("locks/0@3  VOID bytes: malformed" in line for line in shown(book(), capsys, void=True))


def test_machines_get_one_object_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(line) for line in shown(book(), capsys, void=True, as_json=True)]
    assert [(one["position"], one["type"], one["void"]) for one in records] == [
        ("locks/0@0", "Genesis", None), ("locks/0@1", "Claim", None), ("locks/0@2", "Commit", None),
        ("locks/0@3", None, "malformed"), ("locks/0@4", "Commit", None),
    ]  # fmt: skip
    first = records[2]["decisions"][0]
    assert (first["client"], first["events"][0]["type"], first["reply"]["token"]) == ("a", "LockGranted", 1)


def test_what_cannot_be_read_stops_the_show(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownEvent, match="locks/0@2"):
        shown(Logbook().begun().commit(replace(grant(1, 1), events=(b"\xc3\x01 unheard",))), capsys)


class Topic:
    """One partition's records, at given times; followed, it never ends by itself."""

    def __init__(self, times: list[int]) -> None:
        self._records = [
            Stored(offset, time, stored.value)
            for offset, (time, stored) in enumerate(zip(times, book().records, strict=False))
        ]

    async def bounds(self) -> tuple[int, int]:
        return 0, len(self._records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        for record in self._records[start:end]:
            yield [record]


TIMES = {
    PartitionId("locks", 0): [1, 4, 6],
    PartitionId("locks", 1): [2, 3, 7, 8],
    PartitionId("locks", 2): [],
}


async def test_partitions_are_merged_by_time() -> None:
    read = merged(lambda where: Topic(TIMES[where]), dict.fromkeys(TIMES, 0))
    assert [one.timestamp_ms async for one in read] == [1, 2, 3, 4, 6, 7, 8]


async def test_each_partition_starts_where_it_was_asked_to() -> None:
    read = merged(lambda where: Topic(TIMES[where]), dict.fromkeys(TIMES, 1))
    assert [one.timestamp_ms async for one in read] == [3, 4, 6, 7, 8]


async def test_followed_partitions_give_all_they_have() -> None:
    read = following(lambda where: Topic(TIMES[where]), dict.fromkeys(TIMES, 0))
    seen = [(await anext(read)).timestamp_ms for _ in range(7)]
    await read.aclose()  # type: ignore[attr-defined]
    assert sorted(seen) == [1, 2, 3, 4, 6, 7, 8]
