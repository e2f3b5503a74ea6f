"""Results of queries in a cache: run once, kept, forgotten one by one or by tag."""

import asyncio
from typing import Any

import pytest

from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.queries import CachedQuery, cached_query
from tidelock.client.client import Client
from tidelock.client.errors import BadArgument, LoadTimedOut, ParameterUnhashable
from tidelock.client.queues.codecs import Json


class Database:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.results: dict[Any, Any] = {}
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self, *what: Any) -> Any:
        self.asked.append(what)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.results.get(what, [*what])


def queries(cache: Cache[Any], database: Database) -> CachedQuery[Any, Any]:
    @cached_query(cache, ttl=60, tags=lambda shop, **_: (f"shop/{shop}", "shops"), name="top")
    async def top(shop: int, limit: int = 10) -> Any:
        """Return the bestsellers."""
        return await database.ask(shop, limit)

    return top


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
async def results(client: Client) -> Cache[Any]:
    cache: Cache[Any] = client.cache(NAME, codec=Json())
    await cache.create(max_value_bytes=1_000, fill_lease=5.0)
    return cache


async def forget(results: Cache[Any], tag: str, clock: FakeClock) -> int:
    """Invalidate a tag, which is done by ticks."""
    forgetting = asyncio.create_task(results.invalidate_tag(tag))
    await until(forgetting.done, clock)
    return forgetting.result()


async def test_a_result_is_kept_for_the_same_parameters(results: Cache[Any], database: Database) -> None:
    top = queries(results, database)
    assert await top(7) == [7, 10]
    assert await top(7, 10) == [7, 10]
    assert await top(shop=7, limit=10) == [7, 10]
    assert await top(7, 11) == [7, 11]
    assert database.asked == [(7, 10), (7, 11)]
    assert (vars(top)["__name__"], top.__doc__) == ("top", "Return the bestsellers.")


async def test_of_many_who_miss_it_one_runs_it(results: Cache[Any], database: Database, join: Join) -> None:
    there = queries((await join()).cache(NAME, codec=Json()), database)
    top = queries(results, database)
    database.gate.clear()
    asking = [asyncio.create_task(each(7)) for each in (top, there) for _ in range(5)]
    await until(lambda: bool(database.asked))
    for _ in range(50):
        await asyncio.sleep(0)
    database.gate.set()
    assert await asyncio.gather(*asking) == [[7, 10]] * 10
    assert database.asked == [(7, 10)]


async def test_one_result_is_forgotten_or_all_of_a_tag(
    results: Cache[Any], database: Database, clock: FakeClock
) -> None:
    top = queries(results, database)
    for shop in (1, 2, 3):
        await top(shop)
    assert await top.invalidate(1)
    assert not await top.invalidate(1)
    assert await forget(results, "shop/2", clock) == 1
    database.asked.clear()
    for shop in (1, 2, 3):
        await top(shop)
    assert database.asked == [(1, 10), (2, 10)]
    assert await forget(results, "shops", clock) == 3


async def test_a_result_ends_with_its_time(results: Cache[Any], database: Database, clock: FakeClock) -> None:
    top = queries(results, database)
    await top(7)
    await let_pass(clock, 61)
    await top(7)
    assert len(database.asked) == 2


async def test_what_the_function_raises_comes_as_it_is(results: Cache[Any], database: Database) -> None:
    top = queries(results, database)
    database.error = KeyError("no such shop")
    with pytest.raises(KeyError, match="no such shop"):
        await top(7)
    database.error = None
    assert await top(7) == [7, 10]


async def test_a_query_that_outlasts_the_fill_lease_is_cancelled(
    results: Cache[Any], database: Database, clock: FakeClock
) -> None:
    top = queries(results, database)
    database.gate.clear()
    asking = asyncio.create_task(top(7))
    await until(lambda: bool(database.asked))
    await until(asking.done, clock)
    with pytest.raises(LoadTimedOut):
        await asking


async def test_none_is_a_result(results: Cache[Any], database: Database) -> None:
    top = queries(results, database)
    database.results[7, 10] = None
    assert await top(7) is None
    assert await top(7) is None
    assert len(database.asked) == 1


async def test_a_result_that_is_too_large_is_returned_and_not_kept(
    results: Cache[Any], database: Database
) -> None:
    top = queries(results, database)
    database.results[7, 10] = "x" * 2_000
    for _ in range(2):
        assert await top(7) == "x" * 2_000
    assert len(database.asked) == 2


async def test_statements_are_parameters_like_others(results: Cache[Any], database: Database) -> None:
    execute = cached_query(results)(database.ask)
    assert await execute("SELECT %s", 1) == ["SELECT %s", 1]
    assert await execute("SELECT %s", 1) == ["SELECT %s", 1]
    assert await execute("SELECT %s", "1") == ["SELECT %s", "1"]
    assert len(database.asked) == 2


async def test_functions_of_one_cache_do_not_share_results(
    results: Cache[Any], database: Database, clock: FakeClock
) -> None:
    @cached_query(results)
    async def one(shop: int) -> Any:
        return await database.ask("one", shop)

    @cached_query(results, tags=("t",))
    async def two(shop: int) -> Any:
        return await database.ask("two", shop)

    assert (await one(1), await two(1)) == (["one", 1], ["two", 1])
    assert await forget(results, "t", clock) == 1


async def test_parameters_without_a_digest_are_refused_or_ignored(
    results: Cache[Any], database: Database
) -> None:
    async def ask(connection: object, shop: int) -> Any:
        return await database.ask(shop)

    with pytest.raises(ParameterUnhashable, match="'connection'"):
        await cached_query(results)(ask)(object(), 1)
    ignoring = cached_query(results, ignore=("connection",))(ask)
    assert await ignoring(object(), 1) == await ignoring(object(), 1)
    assert database.asked == [(1,)]


async def test_parameters_that_do_not_fit_are_the_functions_own_error(
    results: Cache[Any], database: Database
) -> None:
    with pytest.raises(TypeError):
        await queries(results, database)(1, 2, 3)


async def test_bad_names_are_refused(results: Cache[Any], database: Database) -> None:
    for options in ({"name": ""}, {"name": "x" * 250}, {"name": "a\nb"}, {"ignore": ("nothing",)}):
        with pytest.raises(BadArgument):
            cached_query(results, **options)(database.ask)
