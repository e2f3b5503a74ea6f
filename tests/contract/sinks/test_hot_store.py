"""What every adapter of `HotStore` promises."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import pytest_asyncio

from storage.memory.copies import MemoryHotStore
from streams.projections.hot import HotCopy, HotPlace
from streams.projections.ports import Copied, HotStore
from tests.contract.sinks.conftest import redis_store
from tests.contract.sinks.toys import HERE, ITEMS, SPELLS, THERE
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests

pytestmark = pytest.mark.asyncio(loop_scope="module")

COPY = HotCopy(ITEMS, 1, HERE)
ELSEWHERE, OF_SPELLS, NEXT = replace(COPY, where=THERE), replace(COPY, table=SPELLS), replace(COPY, version=2)
HOSTILE = ("", "@", "=", "=a", "*", "a\r\n$3\r\nfoo", "日本語 🔒", "x" * 65_536, "nul\x00", '["a\\"b"]', "{}")


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        "memory",
        pytest.param("redis", marks=[pytest.mark.integration, pytest.mark.xdist_group("sinks")]),
    ],
)
async def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalStack | None]:
    """A real Redis; None: in memory."""
    if request.param == "memory":
        yield None
        return
    async with stack_for_tests(tmp_path_factory.mktemp("redis"), ("redis",)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def hot(stack: LocalStack | None) -> AsyncIterator[HotStore]:
    """A store without copies."""
    if stack is None:
        yield MemoryHotStore()
        return
    async with redis_store(stack) as store:
        yield store


async def told(hot: HotStore, keys: Sequence[str], copy: HotCopy = COPY) -> tuple[int | None, dict[str, str]]:
    """Return where a copy stands, and what it has under `keys`."""
    found = (await hot.get({copy: keys}))[copy]
    return found.next_offset, dict(found.rows)


async def test_where_there_is_no_copy_nothing_is_applied(hot: HotStore) -> None:
    assert await told(hot, ["a"]) == (None, {})
    assert not await hot.apply(COPY, HotPlace(0), HotPlace(5), {"a": "1"})
    assert await told(hot, ["a"]) == (None, {})


async def test_a_copy_moves_from_where_it_stands(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1", "b": "1"})
    assert await told(hot, ["a", "b", "c"]) == (5, {"a": "1", "b": "1"})
    assert await hot.apply(
        COPY, HotPlace(5), HotPlace(9), {"a": None, "b": "2", "c": "3", "never there": None}
    )
    assert await told(hot, ["a", "b", "c"]) == (9, {"b": "2", "c": "3"})
    assert await hot.apply(COPY, HotPlace(9), HotPlace(10), {})
    assert await told(hot, ["b"]) == (10, {"b": "2"})
    assert await told(hot, []) == (10, {})


@pytest.mark.parametrize("start", [0, 4, 6, 50])
async def test_a_copy_that_stands_elsewhere_is_left_alone(hot: HotStore, start: int) -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    assert not await hot.apply(COPY, HotPlace(start), HotPlace(60), {"a": "2", "b": "2"})
    assert await told(hot, ["a", "b"]) == (5, {"a": "1"})


async def test_a_move_repeated_because_its_outcome_is_unknown_answers_false(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(5), {})
    assert await hot.apply(COPY, HotPlace(5), HotPlace(6), {"a": "1"})
    assert not await hot.apply(COPY, HotPlace(5), HotPlace(6), {"a": "1"})
    await hot.replace(COPY, HotPlace(6), {"a": "1"})
    assert await told(hot, ["a"]) == (6, {"a": "1"})


async def test_a_new_copy_takes_the_place_of_an_older_one_whole(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1", "b": "1"})
    await hot.replace(COPY, HotPlace(6), {"b": "2"})
    assert await told(hot, ["a", "b"]) == (6, {"b": "2"})
    await hot.replace(COPY, HotPlace(6), {"a": "3"})
    assert await told(hot, ["a", "b"]) == (6, {"a": "3"})


async def test_a_copy_that_stands_further_on_stays(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(50), {"a": "new"})
    await hot.replace(COPY, HotPlace(7), {"a": "old", "b": "old"})
    assert await told(hot, ["a", "b"]) == (50, {"a": "new"})


async def test_where_nothing_is_committed_a_copy_goes_by_time_and_never_back(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(5, 100), {"a": "open"}, "f00d")
    assert await hot.apply(COPY, HotPlace(5, 100), HotPlace(5, 200), {"a": "over"}, "f00d")
    assert not await hot.apply(COPY, HotPlace(5, 100), HotPlace(5, 150), {"a": "late"}, "f00d")
    assert not await hot.apply(COPY, HotPlace(5, 100), HotPlace(6, 120), {"a": "late"}, "f00d")
    await hot.replace(COPY, HotPlace(5, 199), {"a": "late"}, "f00d")
    assert await told(hot, ["a"]) == (5, {"a": "over"})
    assert await hot.apply(COPY, HotPlace(5, 200), HotPlace(6, 200), {"b": "goes on"}, "f00d")
    await hot.replace(COPY, HotPlace(5, 900), {"a": "of before"}, "f00d")
    assert await told(hot, ["a", "b"]) == (6, {"a": "over", "b": "goes on"})
    await hot.replace(COPY, HotPlace(6, 200), {"a": "anew"}, "f00d")
    assert await told(hot, ["a", "b"]) == (6, {"a": "anew"})


async def test_a_copy_of_another_log_stands_nowhere(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(50), {"a": "of a log that is gone"}, "f00d")
    await hot.replace(COPY, HotPlace(6), {"a": "unknown"})
    assert await told(hot, ["a"]) == (50, {"a": "of a log that is gone"})
    await hot.replace(COPY, HotPlace(7), {"a": "new"}, "beef")
    assert await told(hot, ["a"]) == (7, {"a": "new"})
    await hot.replace(COPY, HotPlace(6), {"a": "older"}, "beef")
    assert await told(hot, ["a"]) == (7, {"a": "new"})


async def test_a_copy_from_before_its_first_record_learns_of_which_log_it_is(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(0), {})
    assert await hot.apply(COPY, HotPlace(0), HotPlace(5), {"a": "1"}, "f00d")
    assert await hot.apply(COPY, HotPlace(5), HotPlace(50), {"a": "2"}, "f00d")
    await hot.replace(COPY, HotPlace(7), {"a": "older"}, "f00d")
    assert await told(hot, ["a"]) == (50, {"a": "2"})
    assert not await hot.apply(COPY, HotPlace(50), HotPlace(51), {"a": "of another log"}, "beef")
    assert await told(hot, ["a"]) == (50, {"a": "2"})
    await hot.replace(COPY, HotPlace(7), {"a": "of another log"}, "beef")
    assert await told(hot, ["a"]) == (7, {"a": "of another log"})


async def test_tables_and_partitions_stand_for_themselves(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    await hot.replace(ELSEWHERE, HotPlace(6), {"a": "2"})
    await hot.replace(OF_SPELLS, HotPlace(7), {"a": "3"})
    found = [await told(hot, ["a"], copy) for copy in (COPY, ELSEWHERE, OF_SPELLS)]
    assert found == [(5, {"a": "1"}), (6, {"a": "2"}), (7, {"a": "3"})]


async def test_a_version_of_a_read_model_has_copies_of_its_own(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(50), {"a": "of the old version"}, "f00d")
    await hot.replace(NEXT, HotPlace(3), {"a": "of the new one"}, "f00d")
    assert not await hot.apply(NEXT, HotPlace(50), HotPlace(51), {"a": "older than it"})
    assert await hot.apply(COPY, HotPlace(50), HotPlace(51), {"b": "goes on"})
    assert await told(hot, ["a", "b"], NEXT) == (3, {"a": "of the new one"})
    assert await told(hot, ["a", "b"]) == (51, {"a": "of the old version", "b": "goes on"})


async def test_several_copies_are_asked_at_once(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    await hot.replace(ELSEWHERE, HotPlace(6), {"a": "2", "b": "3"})
    found = await hot.get({ELSEWHERE: ["b"], NEXT: ["a"], COPY: ["b", "a"]})
    assert found == {
        COPY: Copied(5, {"a": "1"}),
        ELSEWHERE: Copied(6, {"b": "3"}),
        NEXT: Copied(None, {}),
    }
    assert await hot.get({}) == {}


async def test_copies_that_were_dropped_are_not_there_and_can_be_built_anew(hot: HotStore) -> None:
    for copy in (COPY, ELSEWHERE, OF_SPELLS):
        await hot.replace(copy, HotPlace(50), {"a": "1"})
    await hot.drop([COPY, ELSEWHERE, NEXT])
    assert [await told(hot, ["a"], copy) for copy in (COPY, ELSEWHERE)] == [(None, {})] * 2
    assert await told(hot, ["a"], OF_SPELLS) == (50, {"a": "1"})
    assert not await hot.apply(COPY, HotPlace(50), HotPlace(51), {"a": "2"})
    await hot.replace(COPY, HotPlace(7), {"a": "3"})
    assert await told(hot, ["a"]) == (7, {"a": "3"})


async def test_keys_and_rows_are_any_text(hot: HotStore) -> None:
    rows = {text: text[::-1] for text in HOSTILE}
    await hot.replace(COPY, HotPlace(5), rows)
    assert await told(hot, HOSTILE) == (5, rows)
    assert await hot.apply(COPY, HotPlace(5), HotPlace(6), dict.fromkeys(HOSTILE[1:]))
    assert await hot.apply(COPY, HotPlace(6), HotPlace(7), {text: text for text in HOSTILE[:3]})
    assert await told(hot, HOSTILE) == (7, {text: text for text in HOSTILE[:3]})


async def test_ten_thousand_rows(hot: HotStore) -> None:
    rows = {f"row {number}": str(number) for number in range(10_000)}
    await hot.replace(COPY, HotPlace(5), rows)
    assert await told(hot, list(rows)) == (5, rows)
    moved: dict[str, str | None] = dict.fromkeys(rows, "new") | dict.fromkeys(list(rows)[:9_000])
    assert await hot.apply(COPY, HotPlace(5), HotPlace(6), moved)
    assert await told(hot, list(rows)) == (6, dict.fromkeys(list(rows)[9_000:], "new"))


async def test_of_two_that_move_a_copy_one_does(hot: HotStore) -> None:
    await hot.replace(COPY, HotPlace(5), {})
    moves = [hot.apply(COPY, HotPlace(5), HotPlace(6), {"a": str(one), str(one): "x"}) for one in range(8)]
    outcomes = await asyncio.gather(*moves)
    assert sum(outcomes) == 1
    winner = str(outcomes.index(True))
    asked = ["a", *map(str, range(8))]
    assert await told(hot, asked) == (6, {"a": winner, winner: "x"})


async def test_of_those_that_replace_a_copy_the_one_furthest_on_stays(hot: HotStore) -> None:
    await asyncio.gather(*[hot.replace(COPY, HotPlace(end), {"a": str(end)}) for end in (3, 9, 5, 7, 1)])
    assert await told(hot, ["a"]) == (9, {"a": "9"})
