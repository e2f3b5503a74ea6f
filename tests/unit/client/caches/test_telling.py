"""What lines answered is told to the worker: when the directory hears of the client anyway, and at the end."""

from collections import Counter

from streams.domain.caches import commands as c
from streams.domain.caches.kind import CACHES
from streams.wire.frames import TELLS
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.telling import COUNTED


def told(worker: CacheWorker) -> Counter[str]:
    counted: Counter[str] = Counter()
    for each in worker.told:
        assert (each.kind, each.name) == ("caches", NAME)
        counted.update({count.what: count.times for count in each.counts})
    return counted


def test_what_a_client_counts_is_what_the_kind_has_words_for() -> None:
    assert CACHES.told == COUNTED


async def test_hits_are_told_every_ten_seconds_without_a_command(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    await let_pass(clock, 11)
    sent, frames = len([each for each in worker.seen if not isinstance(each, c.Listen)]), len(worker.told)
    for _ in range(7):
        assert cache.hit("x") == b"1"
    await let_pass(clock, 14)
    assert told(worker)["hits"] == 7
    assert len(worker.told) - frames == 1
    await let_pass(clock, 60)
    assert len(worker.told) - frames == 1  # nothing is new
    assert len([each for each in worker.seen if not isinstance(each, c.Listen)]) == sent


async def test_a_worker_of_an_earlier_release_is_told_nothing_for_it_would_hang_up(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    worker.understands = TELLS - 1
    client = await join()
    cache = client.cache(NAME)
    await cache.create()
    await cache.put("x", b"1")
    assert cache.hit("x") == b"1"
    await let_pass(clock, 30)
    assert (cache.hit("x"), worker.told) == (b"1", [])
    await client.close()
    assert (worker.hellos, worker.told) == (1, [])


async def test_what_is_left_is_told_at_the_end(join: Join, worker: CacheWorker) -> None:
    client = await join()
    cache = client.cache(NAME)
    await cache.create()
    await cache.put("x", b"1")
    for _ in range(3):
        assert cache.hit("x") == b"1"
    await client.close()
    await until(lambda: told(worker)["hits"] == 3)
    assert told(worker)["writes"] == 1


async def test_what_cannot_be_sent_is_told_when_a_worker_is_there_again(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    await let_pass(clock, 11)
    before = told(worker)["hits"]
    cache.hit("x")
    for connection in worker.connections:
        connection.drop()
    cache._access.renewed()  # while nobody is connected
    await until(lambda: told(worker)["hits"] == before + 1, clock)
