"""What a cache tells by callbacks."""

import logging

import pytest

from tests.unit.client.caches.conftest import NAME
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.lost import LOGGED, WINDOW_S, LossLog, LostLine
from tidelock.client.client import Client


async def test_a_line_that_somebody_else_changed_is_gone_when_that_is_told(
    cache: Cache[bytes], other: Client
) -> None:
    told: list[tuple[str, object]] = []
    there: Cache[bytes] = other.cache(
        NAME, on_invalidated=lambda entry: told.append((entry, there.hit(entry)))
    )
    await cache.put("a", b"1")
    assert await there.get("a") == b"1"
    await cache.put("b", b"1")
    await cache.put("a", b"2")
    assert told == [("a", None)]


async def test_a_callback_that_fails_is_logged_and_harms_nobody(
    cache: Cache[bytes], other: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(entry: str) -> None:
        raise ValueError(entry)

    there: Cache[bytes] = other.cache(NAME, on_invalidated=fail)
    await cache.put("a", b"1")
    await there.get("a")
    with caplog.at_level(logging.ERROR, "tidelock.caches"):
        await cache.put("a", b"2")
    assert "on_invalidated failed" in caplog.text
    assert await there.get("a") == b"2"


async def test_of_many_lost_lines_the_first_are_logged_and_the_others_counted(
    client: Client, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    losses = LossLog(NAME, clock)
    for number in range(2_000):
        losses.lost(LostLine(f"x{number}", b"", "the client froze"))
    assert len(caplog.records) == LOGGED + 1
    await let_pass(clock, WINDOW_S + 1)
    assert "1,990 more entries were lost" in caplog.records[-1].message
    losses.lost(LostLine("later", b"", "the client froze"))
    assert "'later' was lost: the client froze" in caplog.records[-1].message
