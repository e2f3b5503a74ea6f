"""A subscriber's queue: bounded in count and in bytes, and empty once it has ended."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from api.subscriptions.errors import SubscriberTooSlow
from api.subscriptions.interest import OnCommand
from api.subscriptions.subscriber import QueueLimits, Subscriber


def entry(size: int) -> Any:
    return SimpleNamespace(change=SimpleNamespace(size=size))


def subscriber(items: int = 3, size: int = 100) -> Subscriber:
    return Subscriber(OnCommand("dev", "AbortWait", ()), QueueLimits(items, size))


@pytest.mark.parametrize("sizes", [[1, 1, 1, 1], [60, 60], [101, 1]], ids=["count", "bytes", "one-too-large"])
async def test_beyond_its_bounds_it_ends_with_the_last_cursor_and_keeps_nothing(sizes: list[int]) -> None:
    one = subscriber()
    for size in sizes:
        one.push(entry(size))
    assert (len(one), one.bytes) == (0, 0)
    one.push(entry(1))
    assert len(one) == 0
    with pytest.raises(SubscriberTooSlow) as slow:
        await one.next("last")
    assert slow.value.cursor == "last"


async def test_within_its_bounds_it_hands_out_in_order_and_gets_its_room_back() -> None:
    one = subscriber()
    for _ in range(10):
        entries = [entry(30), entry(30), entry(40)]
        for each in entries:
            one.push(each)
        assert [await one.next(None) for _ in entries] == entries
    assert (len(one), one.bytes) == (0, 0)


async def test_even_what_is_larger_than_its_bytes_passes_alone() -> None:
    one, large = subscriber(), entry(1000)
    one.push(large)
    assert await one.next(None) is large


async def test_who_waits_is_woken_by_an_entry_and_by_the_end() -> None:
    one = subscriber()
    waiting = asyncio.create_task(one.next(None))
    await asyncio.sleep(0)
    one.push(entry(1))
    await waiting
    waiting = asyncio.create_task(one.next("last"))
    await asyncio.sleep(0)
    one.end(lambda cursor: SubscriberTooSlow("too slow", cursor))
    with pytest.raises(SubscriberTooSlow):
        await waiting
