"""Loading what is missing: one loads, the others wait; who fails or hangs lets the next one do it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches.replies import FillGranted
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.ports import Loaded
from tidelock.client.caches.reading import Reading


class Source:
    """Loads when it is let."""

    def __init__(self, value: bytes | None = b"loaded") -> None:
        self.value = value
        self.calls: list[str] = []
        self.cancelled = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def load(self, entry: str) -> Loaded[bytes] | None:
        self.calls.append(entry)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return None if self.value is None else Loaded(self.value, tags=("t",))


async def spin(times: int = 200) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_of_many_who_miss_one_loads(join: Join, worker: CacheWorker) -> None:
    source = Source()
    caches = [(await join()).cache(NAME, loader=source) for _ in range(3)]
    await caches[0].create()
    reads = [asyncio.create_task(each.get("x")) for each in caches for _ in range(4)]
    await until(lambda: len(worker.of(c.ReadEntry)) >= 3)
    await spin()
    source.go.set()
    assert await asyncio.gather(*reads) == [b"loaded"] * 12
    assert source.calls == ["x"]
    assert worker.state(NAME).entries["x"].tags == ("t",)
    assert all(each.hit("x") == b"loaded" for each in caches)


async def test_a_loader_that_fails_lets_the_next_one_load(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    bad, good = Source(), Source(b"good")
    bad.error = OSError("no database")
    first = asyncio.create_task(cache.get_or_load("x", bad))
    await until(lambda: bad.calls != [])
    second = asyncio.create_task(there.get_or_load("x", good))
    await until(lambda: len(worker.of(c.ReadEntry)) == 2)
    bad.go.set()
    good.go.set()
    with pytest.raises(errors.LoadFailed, match="no database") as caught:
        await first
    assert isinstance(caught.value.__cause__, OSError)
    assert await second == b"good"


async def test_a_loader_that_hangs_is_cancelled_when_the_fill_lease_may_be_over(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    slow, good = Source(), Source(b"good")
    good.go.set()
    first = asyncio.create_task(cache.get_or_load("x", slow))
    await until(lambda: slow.calls != [])
    second = asyncio.create_task(there.get_or_load("x", good))
    await let_pass(clock, 10.5)
    with pytest.raises(errors.LoadTimedOut):
        await first
    assert slow.cancelled == 1
    assert await second == b"good"


async def test_a_loader_that_cannot_be_cancelled_is_not_waited_for(
    cache: Cache[bytes], there: Cache[bytes], clock: FakeClock
) -> None:
    stubborn, good, go = list[str](), Source(b"good"), asyncio.Event()
    good.go.set()

    async def load() -> bytes:
        while not go.is_set():
            stubborn.append("asked")
            with suppress(asyncio.CancelledError):
                await go.wait()
        return b"late"

    first = asyncio.create_task(cache.get_or_load("x", load))
    await until(lambda: stubborn != [])
    second = asyncio.create_task(cache.get_or_load("x", good))
    await let_pass(clock, 10.5)
    with pytest.raises(errors.LoadTimedOut):
        await first
    assert await second == b"good"
    go.set()


async def test_a_loader_that_returns_something_else_fails_at_once(
    cache: Cache[bytes], there: Cache[bytes]
) -> None:
    class Bare(Source):
        async def load(self, entry: str) -> Any:
            return b"bare"

    good = Source(b"good")
    good.go.set()
    with pytest.raises(errors.LoadFailed, match="returned bytes"):
        await cache.get_or_load("x", Bare())
    assert await there.get_or_load("x", good) == b"good"


async def test_a_caller_that_is_gone_as_the_grant_comes_gives_it_back(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, good = Source(), Source(b"good")
    good.go.set()
    taker = Reading._taker

    def cancelling(reading: Reading, desk: Any) -> Any:
        take = taker(reading, desk)

        def taken(pending: Any, outcome: Any, wanted: bool) -> Any:
            if isinstance(outcome, FillGranted) and wanted:
                asyncio.get_running_loop().call_soon(loading.cancel)
            return take(pending, outcome, wanted)

        return taken

    monkeypatch.setattr(Reading, "_taker", cancelling)
    loading = asyncio.create_task(cache.get_or_load("x", source))
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert source.calls == []
    monkeypatch.undo()
    assert await there.get_or_load("x", good) == b"good"


async def test_a_write_overtakes_a_load(cache: Cache[bytes], there: Cache[bytes]) -> None:
    source = Source()
    loading = asyncio.create_task(cache.get_or_load("x", source))
    await until(lambda: source.calls != [])
    await there.put("x", b"newer")
    source.go.set()
    assert await loading == b"newer"


async def test_what_a_tag_invalidated_meanwhile_is_loaded_again(
    cache: Cache[bytes], there: Cache[bytes]
) -> None:
    source = Source(b"old")
    loading = asyncio.create_task(cache.get_or_load("x", source))
    await until(lambda: source.calls != [])
    await there.invalidate_tag("t")
    source.go.set()
    assert await loading == b"old"
    assert source.calls == ["x", "x"]


async def test_a_caller_that_is_gone_gives_the_fill_lease_back(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    source, good = Source(), Source(b"good")
    good.go.set()
    loading = asyncio.create_task(cache.get_or_load("x", source))
    await until(lambda: source.calls != [])
    loading.cancel()
    await until(lambda: worker.of(c.FailFill) != [])
    assert await there.get_or_load("x", good) == b"good"
    assert source.cancelled == 1


async def test_a_grant_that_comes_when_its_caller_is_gone_is_given_back(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    await cache.get("y")
    worker.held = (c.ReadEntry, c.WithdrawWait)
    source, good = Source(), Source(b"good")
    good.go.set()
    loading = asyncio.create_task(cache.get_or_load("x", source))
    await until(lambda: len(worker.of(c.ReadEntry)) == 2)
    loading.cancel()
    await spin(5)
    worker.let()
    await until(lambda: worker.of(c.FailFill) != [])
    assert await there.get_or_load("x", good) == b"good"
    assert source.calls == []


async def test_nothing_to_load_is_nothing(cache: Cache[bytes]) -> None:
    source = Source(None)
    source.go.set()
    assert await cache.get_or_load("x", source) is None
    with pytest.raises(errors.BadArgument, match="Nothing loads"):
        await cache.get_or_load("x")


@pytest.mark.parametrize("wrap", [lambda value: value, Loaded])
async def test_a_function_loads(cache: Cache[bytes], wrap: Callable[[bytes], Loaded[bytes]]) -> None:
    async def load() -> Loaded[bytes]:
        return wrap(b"1")

    function: Callable[[], Awaitable[Loaded[bytes]]] = load
    assert await cache.get_or_load("x", function) == b"1"
    assert cache.hit("x") == b"1"


async def test_what_does_not_fit_is_an_error_and_lets_the_next_one_load(
    cache: Cache[bytes], worker: CacheWorker
) -> None:
    source = Source(b"x" * 70_000)
    source.go.set()
    with pytest.raises(errors.ValueTooLarge):
        await cache.get_or_load("x", source)
    await until(lambda: worker.of(c.FailFill) != [])


async def test_a_full_cache_hands_out_what_was_loaded(join: Join, worker: CacheWorker) -> None:
    owner = (await join()).cache(NAME, keep="MODIFIED")
    await owner.create(max_entries=1)
    await owner.put("a", b"1")
    cache = (await join()).cache(NAME)
    source = Source()
    source.go.set()
    assert await cache.get_or_load("x", source) == b"loaded"
    with pytest.raises(errors.CacheFull):
        await cache.put("x", b"1")
    assert cache.hit("x") is None
