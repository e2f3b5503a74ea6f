"""The blocking twin: the same caches, from threads."""

import threading
from collections.abc import Iterator

import pytest

import tidelock
from tests.unit.client.caches.server import KINDS, CacheWorker
from tests.unit.client.threaded import served
from tests.unit.client.worker import FakeClock
from tidelock.client.caches.blocking import Cache
from tidelock.client.caches.ports import Loaded

NAME = "prices"


@pytest.fixture
def worker() -> Iterator[CacheWorker]:
    with served(CacheWorker(FakeClock())) as worker:
        yield worker


@pytest.fixture
def client(worker: CacheWorker) -> Iterator[tidelock.sync.Client]:
    with tidelock.sync.connect(worker.address, token="t", kinds=KINDS) as client:
        yield client


@pytest.fixture
def cache(client: tidelock.sync.Client) -> Cache[bytes]:
    cache = client.cache(NAME)
    cache.create()
    return cache


def test_what_is_put_is_read_without_the_worker(cache: Cache[bytes], worker: CacheWorker) -> None:
    version = cache.put("x", b"1", tags=("t",))
    before = len(worker.seen)
    assert (cache.get("x"), cache.hit("x"), cache.get_versioned("x")) == (b"1", b"1", (b"1", version))
    assert len(worker.seen) == before
    assert cache.local.hits >= 2
    assert cache.get_many(["x", "y"]) == {"x": b"1"}
    assert (cache.get("y", b"none"), cache.hit("y", b"none")) == (b"none", b"none")


def test_another_clients_write_ends_the_line(cache: Cache[bytes], worker: CacheWorker) -> None:
    cache.put("x", b"1")
    with tidelock.sync.connect(worker.address, token="t", kinds=KINDS) as other:
        other.cache(NAME).put("x", b"2")
        assert cache.get("x") == b"2"
    with pytest.raises(tidelock.EntryConflict):
        cache.put("x", b"3", if_version=1)


@pytest.mark.parametrize("load", [lambda: b"1", lambda: Loaded(b"1")])
def test_a_plain_function_loads_on_a_thread_of_its_own(cache: Cache[bytes], load: object) -> None:
    threads = []

    def loading() -> object:
        threads.append(threading.current_thread().name)
        return load()  # type: ignore[operator]

    assert cache.get_or_load("x", loading) == b"1"  # type: ignore[arg-type]
    assert cache.get_or_load("x", loading) == b"1"  # type: ignore[arg-type]
    assert len(threads) == 1
    assert threads[0] != "tidelock"


def test_the_rest_is_there_too(cache: Cache[bytes]) -> None:
    assert cache.name == NAME
    assert cache.warm({"a": b"1", "b": b"2"}).warmed == 2
    assert cache.stats().entries == 2
    assert cache.inspect("a").found
    assert cache.configure(ttl=5).ttl_ms == 5_000
    assert cache.delete("a")
    assert cache.invalidate_tag("none") == 0
    cache.put("b", b"3", keep="MODIFIED")
    assert cache.put("b", b"4", keep="MODIFIED") == 0
    cache.flush()
    found = cache.find("b")
    assert found is not None
    assert (found.value, found.local) == (b"4", 0)
    cache.close()
    assert cache.get("b") == b"4"
    assert cache.delete_cache() == 1


def test_threads_read_while_others_write(cache: Cache[bytes], client: tidelock.sync.Client) -> None:
    """Each reader sees values that only grow."""
    cache.put("x", b"0")
    backwards: list[tuple[int, int]] = []

    def read() -> None:
        last = 0
        for _ in range(2_000):
            now = int(cache.get("x") or 0)
            if now < last:
                backwards.append((last, now))
            last = now

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 100):
        cache.put("x", str(number).encode(), keep="MODIFIED" if number % 2 else "EXCLUSIVE")
    for reader in readers:
        reader.join()
    assert backwards == []
    assert cache.get("x") == b"99"
