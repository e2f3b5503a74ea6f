"""The blocking twin of `cached_query`."""

from collections.abc import Iterator
from typing import Any

import pytest

import tidelock
from tests.unit.client.caches.server import KINDS, CacheWorker
from tests.unit.client.threaded import served
from tests.unit.client.worker import FakeClock
from tidelock import Json
from tidelock.client.caches.blocking import Cache
from tidelock.client.errors import ParameterUnhashable


@pytest.fixture
def results() -> Iterator[Cache[Any]]:
    with (
        served(CacheWorker(FakeClock())) as worker,
        tidelock.sync.connect(worker.address, token="t", kinds=KINDS) as client,
    ):
        cache: Cache[Any] = client.cache("results", codec=Json())
        cache.create(max_value_bytes=100)
        yield cache


def test_a_result_is_kept_until_it_is_forgotten(results: Cache[Any]) -> None:
    asked = []

    @tidelock.sync.cached_query(results, ttl=60, tags=lambda shop: (f"shop/{shop}",))
    def top(shop: int) -> list[int]:
        asked.append(shop)
        return [shop]

    assert (top(7), top(shop=7), top(8)) == ([7], [7], [8])
    assert asked == [7, 8]
    assert top.invalidate(7)
    assert top(7) == [7]
    assert asked == [7, 8, 7]
    assert results.inspect(top.entry(8)).tags == ("shop/8",)
    with pytest.raises(ParameterUnhashable):
        top(object())  # type: ignore[arg-type]


def test_errors_and_what_is_too_large_come_as_they_are(results: Cache[Any]) -> None:
    @tidelock.sync.cached_query(results)
    def large(size: int) -> str:
        if not size:
            raise KeyError("nothing")
        return "x" * size

    assert large(200) == "x" * 200
    with pytest.raises(KeyError, match="nothing"):
        large(0)
