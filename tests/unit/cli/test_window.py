"""`tidelock window`: what it shows of changelogs, and what it says where there is nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from storage.memory.changelog import MemoryChangelogs
from storage.tables.store import TableProjectionStore
from streams.catalog import KINDS
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.projections.activity.projections import ACTIVITIES
from streams.projections.activity.views import NAMES, VIEWS
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, grant, release
from tidelock.cli import show, window
from tidelock.cli.exits import NO, NothingToTalkTo, WrongUse
from tidelock.cli.window import window_app

LOCKS = next(one for one in ACTIVITIES if one.kind == "locks")


class Running:
    """A stack that has Kafka."""

    def need_kafka(self) -> str:
        return "kafka"


class Kept(MemoryChangelogs):
    log_end = 4

    async def close(self) -> None:
        """Stay: it is in memory."""

    async def log_ends(self, *_: str) -> dict[PartitionId, int]:
        return {WHERE: self.log_end, PartitionId("locks", 1): 0}


@pytest.fixture
def changelogs(monkeypatch: pytest.MonkeyPatch) -> Kept:
    kept = Kept()
    monkeypatch.setattr(window, "KafkaChangelogs", lambda *_: kept)
    monkeypatch.setattr(window, "find", lambda _: Running())
    monkeypatch.setattr(window, "ends_of_kind", kept.log_ends)
    return kept


async def written(changelogs: MemoryChangelogs) -> None:
    other = with_changes(grant(2, 2), key="dev/other")
    book = Logbook().begun().commit(grant(1, 1), other).commit(release(3, 1))
    fold, reader = LOCKS.fold(WHERE, WORDS), CommitReader(WHERE, WORDS)
    for record in book.records:
        accepted = reader.read(Stored(record.offset, 60_000 + 1000 * record.offset, record.value))
        if accepted is not None:
            fold.commit(accepted)
    store = TableProjectionStore(changelogs)
    await store.load(LOCKS, WHERE)
    await store.write(LOCKS, WHERE, START, reader.checkpoint, fold.take())


def ran(*asked: str) -> Any:
    return CliRunner().invoke(window_app, [*asked, "--home", str(Path())], obj=KINDS)


async def test_the_busiest_names_come_first(changelogs: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show.out, "width", 80)
    await written(changelogs)
    told = json.loads((await _in_thread("list", "locks", "--json")).stdout)
    assert [(each["name"], each["commands"], each["open"]) for each in told["windows"]] == [
        ("orders/42", 2, True),
        ("other", 1, True),
    ]
    assert told["positions"] == ["locks/0@3"]
    assert (told["overflowed"], told["lag"], told["lag_since_ms"]) == (0, 0, None)
    people = (await _in_thread("list", "locks", "--limit", "1", "--utc")).stdout
    assert "orders/42 00:01:00 yes" in people
    assert "1 more" in people
    assert "other" not in people


async def test_how_far_behind_it_is_and_what_has_no_windows(
    changelogs: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VIEWS, NAMES, replace(VIEWS[NAMES], max_open=1))
    await written(changelogs)
    changelogs.log_end = 9
    told = json.loads((await _in_thread("list", "locks", "--json")).stdout)
    assert [each["name"] for each in told["windows"]] == ["orders/42"]
    assert (told["overflowed"], told["lag"], told["lag_since_ms"]) == (1, 5, 63_000)
    people = " ".join((await _in_thread("show", "locks", "other", "--utc")).stdout.split())
    assert "nothing happened" in people
    assert "for there are too many: 1 commands" in people
    assert "Behind the logs by 5 records, since 1970-01-01 00:01:03" in people


async def test_one_name_and_the_tenant(changelogs: Kept) -> None:
    await written(changelogs)
    told = json.loads((await _in_thread("show", "locks", "orders/42", "--json")).stdout)
    (shown,) = told["windows"]
    assert (shown["commands"], shown["holds"]["count"], shown["clients"]) == (2, 1, None)
    people = (await _in_thread("show", "locks", "--utc")).stdout
    for text in (
        "1970-01-01 00:01:00.000 +00:00",
        "open",
        "3 (",
        "LockGranted 2",
        "busiest",
        "1; half up to",
    ):
        assert text in people


async def test_a_name_that_nothing_happened_to_is_a_no(changelogs: Kept) -> None:
    await written(changelogs)
    found = await _in_thread("show", "locks", "nothing")
    assert found.exit_code == NO
    assert "nothing happened" in found.stdout
    assert json.loads((await _in_thread("show", "locks", "orders/42", "--tenant", "eve", "--json")).stdout)[
        "windows"
    ] == []  # fmt: skip


async def test_no_projector_and_no_such_kind_are_told(changelogs: Kept) -> None:
    assert isinstance((await _in_thread("list", "locks")).exception, NothingToTalkTo)
    assert isinstance((await _in_thread("list", "nothing")).exception, WrongUse)


async def _in_thread(*asked: str) -> Any:
    """Run a command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(ran, *asked)
