"""Windows that are open, looked up in hot copies of several partitions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from api.hot.copies import HotCopies
from api.hot.windows import HotWindows
from storage.memory.copies import MemoryHotStore
from streams.domain.decider import Rejected
from streams.domain.locks.kind import LOCKS
from streams.domain.queues.events import EnqueuedMessage, MessagesAcked, MessagesEnqueued
from streams.domain.queues.kind import QUEUES
from streams.log.accepted import CommitReader
from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.activity.projections import ACTIVITIES
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import NAMES, VIEWS
from streams.projections.hot import TIME, HotPlace, hot_copy, hot_key, hot_row
from streams.projections.ports import SinkUnavailable
from streams.projections.projection import WindowedFold
from tests.unit.api.world import World
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import Logbook, decision, grant, release, waits

FACTS = "commands rejected events { type count } waits { count p50Ms } holds { count p50Ms }"
ONE = f"""query ($kind: String!, $name: String) {{ windows(kind: $kind, name: $name) {{
  kind name overflowed lag asOf {{ positions }}
  windows {{ start end open perSecond clients {FACTS} busiest {{ name count error }} contended {{ name count }}
    refusals {{ name count }} }} }} }}"""
WORDS = {kind.name: Vocabulary(kind) for kind in (LOCKS, QUEUES)}


class Copies:
    """Hot copies as projectors would keep them, of two partitions a kind."""

    def __init__(self) -> None:
        self.store, self.world = MemoryHotStore(), World()
        windows = HotWindows(HotCopies(self.store), {"locks": 2, "queues": 2})
        object.__setattr__(self.services, "activity", windows)
        object.__setattr__(self.services, "tables", windows)
        object.__setattr__(self.services, "partitions", {"locks": 2, "queues": 2})

    @property
    def services(self) -> Any:
        return self.world.services

    async def of(
        self,
        where: PartitionId,
        book: Logbook,
        times: Mapping[int, int],
        clock_ms: int | None = None,
    ) -> None:
        """Copy what a log makes; `times`: when the record at an offset was appended."""
        projection = next(one for one in ACTIVITIES if one.kind == where.kind)
        words = WORDS[where.kind]
        fold, reader = cast(WindowedFold, projection.fold(where, words)), CommitReader(where, words)
        for record in book.records:
            accepted = reader.read(Stored(record.offset, times.get(record.offset, 0), record.value))
            if accepted is not None:
                fold.commit(accepted)
        if clock_ms is not None:
            fold.advance(clock_ms)
        rows = {hot_key(key): hot_row(row) for key, row in fold.take().rows(ACTIVITY) if row is not None}
        rows[TIME] = str(max(times.values(), default=0))
        await self.store.replace(hot_copy(projection, where), HotPlace(len(book.records)), rows)

    async def ask(self, kind: str, name: str | None = None) -> Any:
        return (await self.world.ask(ONE, kind=kind, name=name))["windows"]


def refused(sequence: int, code: str = "LOCK_BUSY") -> LoggedDecision:
    return decision(sequence, reply=Rejected(code, "busy"), client="z")


def waited(sequence: int, ticket: int) -> LoggedDecision:
    return decision(sequence, waits(ticket), client="b")


@pytest.fixture
def copies() -> Copies:
    return Copies()


async def test_a_lock_that_is_fought_over(copies: Copies) -> None:
    book = Logbook().begun().commit(grant(1, 1)).commit(waited(2, 2), refused(3)).commit(release(4, 1))
    await copies.of(PartitionId("locks", 0), book, {2: 60_000, 3: 60_500, 4: 65_000})
    await copies.of(PartitionId("locks", 1), Logbook(), {})
    found = await copies.ask("locks", "orders/42")
    assert (found["asOf"], found["lag"]) == (
        {"positions": ["locks/0@4"]},
        "15",
    )  # of two logs with ten records each
    assert found["windows"] == [{
        "start": "1970-01-01T00:01:00.000Z", "end": "1970-01-01T00:02:00.000Z", "open": True,
        "perSecond": 0.8, "clients": None, "commands": "4", "rejected": "1",
        "events": [{"type": "LockGranted", "count": "1"}, {"type": "LockReleased", "count": "1"},
                   {"type": "LockWaitStarted", "count": "1"}],
        "waits": {"count": "0", "p50Ms": None}, "holds": {"count": "1", "p50Ms": pytest.approx(5000, rel=0.01)},
        "busiest": [], "contended": [], "refusals": [],
    }]  # fmt: skip
    (whole,) = (await copies.ask("locks"))["windows"]
    assert (whole["commands"], whole["clients"]) == ("4", "3")
    assert whole["busiest"] == [{"name": "orders/42", "count": "4", "error": "0"}]
    assert whole["contended"] == [{"name": "orders/42", "count": "1"}]
    assert whole["refusals"] == [{"name": "LOCK_BUSY", "count": "1"}]


async def test_a_log_that_cannot_be_asked_costs_only_the_lag(copies: Copies) -> None:
    for number in range(2):
        await copies.of(PartitionId("locks", number), Logbook(), {})
    copies.services.log_ends.fails = LogUnavailable("away")
    found = await copies.ask("locks")
    assert (found["windows"], found["lag"]) == ([], None)


async def test_the_minute_before_is_told_and_older_ones_are_not(copies: Copies) -> None:
    book = Logbook().begun().commit(grant(1, 1)).commit(release(2, 1)).commit(grant(3, 3))
    await copies.of(PartitionId("locks", 0), book, {2: 60_000, 3: 130_000, 4: 180_000})
    await copies.of(PartitionId("locks", 1), Logbook(), {})
    found = (await copies.ask("locks", "orders/42"))["windows"]
    assert [(each["start"][14:19], each["open"], each["commands"]) for each in found] == [
        ("03:00", True, "1"),
        ("02:00", False, "1"),
    ]
    assert (await copies.ask("locks", "another"))["windows"] == []


async def test_what_the_clock_has_ended_is_not_open(copies: Copies) -> None:
    book = Logbook().begun().commit(grant(1, 1))
    await copies.of(PartitionId("locks", 0), book, {2: 60_000}, clock_ms=120_000)
    await copies.of(PartitionId("locks", 1), Logbook(), {})
    (window,) = (await copies.ask("locks", "orders/42"))["windows"]
    assert (window["open"], window["commands"]) == (False, "1")


async def test_shards_of_a_queue_are_one_name_and_messages_are_counted(copies: Copies) -> None:
    message = EnqueuedMessage(b"x", None, None, 0, 0, None, (), False, None)
    put = MessagesEnqueued("dev", "a", 1, 0, (message,) * 5)
    for number, events in enumerate(((put,), (put, MessagesAcked("", (1, 2))))):
        made = _of_queues(events, "dev/work#1" if number else "dev/work")
        book = Logbook("queues").begun().commit(made)
        await copies.of(PartitionId("queues", number), book, {2: 60_000})
    (window,) = (await copies.ask("queues", "work"))["windows"]
    assert window["commands"] == "2"
    assert window["events"] == [
        {"type": "MessagesEnqueued", "count": "10"},
        {"type": "MessagesAcked", "count": "2"},
    ]


def _of_queues(events: Sequence[Any], key: str) -> LoggedDecision:
    encoded = tuple(map(WORDS["queues"].encode_event, events))
    return with_changes(decision(1), key=key, command="Enqueue", events=encoded)


async def test_nothing_of_another_tenant_is_told(copies: Copies) -> None:
    book = Logbook().begun().commit(grant(1, 1), with_changes(refused(2), key="eve/orders/42"))
    await copies.of(PartitionId("locks", 0), book, {2: 60_000})
    await copies.of(PartitionId("locks", 1), Logbook(), {})
    for name in ("orders/42", None):
        (window,) = (await copies.ask("locks", name))["windows"]
        assert (window["commands"], window["rejected"]) == ("1", "0")


async def test_commands_of_names_without_windows_are_told(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, Any], VIEWS), NAMES, replace(VIEWS[NAMES], max_open=1))
    others = [with_changes(decision(number), key=f"dev/{number}") for number in (2, 3)]
    book = Logbook().begun().commit(grant(1, 1), *others, with_changes(refused(4), key="eve/a"))
    await copies.of(PartitionId("locks", 0), book, {2: 60_000})
    await copies.of(PartitionId("locks", 1), Logbook(), {})
    for name, commands in (("orders/42", "1"), (None, "3"), ("2", None)):
        found = await copies.ask("locks", name)
        assert [each["commands"] for each in found["windows"]] == ([] if commands is None else [commands])
        assert found["overflowed"] == "2"


async def test_copies_that_are_not_there_are_told(copies: Copies) -> None:
    await copies.of(PartitionId("locks", 0), Logbook().begun().commit(grant(1, 1)), {2: 60_000})
    refusal = await copies.world.refused(ONE, kind="locks", name="orders/42")
    assert refusal["code"] == "READS_UNAVAILABLE"
    assert "locks/1" in refusal["message"]


async def test_read_models_in_tables_are_listed_as_far_as_their_copies_are(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Logbook().begun().commit(grant(1, 1)).commit(release(2, 1))
    await copies.of(PartitionId("locks", 0), book, {2: 60_000, 3: 61_000})
    await copies.of(PartitionId("locks", 1), Logbook(), {})
    query = "{ partitions { kept projection kind partition position head time lag } }"
    found = (await copies.world.ask(query))["partitions"]
    assert [one for one in found if one["kept"] == "table"] == [{
        "kept": "table", "projection": "lock_activity", "kind": "locks", "partition": 0, "position": "locks/0@3",
        "head": "", "time": "1970-01-01T00:01:01.000Z", "lag": "6",
    }]  # fmt: skip
    in_rows = [one for one in found if one["kept"] == "rows"]
    assert in_rows and len(in_rows) == len(found) - 1

    async def away(*_: Any) -> Any:
        raise SinkUnavailable("away")

    monkeypatch.setattr(copies.store, "get", away)
    assert (await copies.world.ask(query))["partitions"] == in_rows


async def test_redis_that_is_away_is_told(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> Any:
        raise SinkUnavailable("away")

    monkeypatch.setattr(copies.store, "get", away)
    assert (await copies.world.refused(ONE, kind="locks", name="a"))["code"] == "READS_UNAVAILABLE"


@pytest.mark.parametrize(
    ("asked", "code"),
    [({"kind": "nothing"}, "KIND_UNKNOWN"), ({"kind": "locks", "name": "a" * 513}, "BAD_ARGUMENT")],
)
async def test_what_nobody_can_have_is_refused(copies: Copies, asked: dict[str, str], code: str) -> None:
    assert (await copies.world.refused(ONE, **asked))["code"] == code


async def test_a_node_without_hot_copies_says_what_to_do() -> None:
    refusal = await World().refused(ONE, kind="locks")
    assert refusal["code"] == "NO_HOT_COPIES"
    assert "TIDELOCK_REDIS" in refusal["message"]
