"""Being a listener: renewing, acknowledging, missing calls, joining anew."""

import asyncio
from typing import Any

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches.events import LineCall, LineLost
from streams.domain.caches.replies import EntryStored
from streams.domain.decider import Rejected
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.listener import Listener
from tidelock.client.client import Client


def listener(cache: Cache[bytes]) -> Listener:
    return cache._access.desks[0].listener


async def test_a_renewal_goes_out_after_a_third_of_the_lease(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    before = len(worker.of(c.Listen))
    await let_pass(clock, 10.5)
    assert len(worker.of(c.Listen)) - before == 3


async def test_evicted_lines_are_told_with_the_next_renewal(
    client: Client, worker: CacheWorker, clock: FakeClock
) -> None:
    cache = client.cache(NAME, max_entries=1)
    await cache.create()
    await cache.put("a", b"1")
    await cache.put("b", b"1")
    await let_pass(clock, 4)
    assert [bool(worker.state(NAME).entries[name].lines) for name in "ab"] == [False, True]


async def test_a_gap_in_the_numbers_gives_up_all_lines_and_joins_anew(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    await cache.put("m", b"1", keep="MODIFIED")
    await cache.put("m", b"2", keep="MODIFIED")
    before = listener(cache).attachment
    listener(cache)._take(LineCall(5, "INVALIDATE", "other", 1))
    assert (cache.hit("x"), cache.hit("m")) == (None, None)
    await until(lambda: listener(cache).attachment > before, clock)
    assert worker.state(NAME).entries["m"].value == b"2"
    assert worker.happened(LineLost) == []
    assert await cache.get("x") == b"1"
    assert cache.local.rejoins == 1


async def test_who_is_told_to_reset_writes_back_and_joins_anew(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("m", b"1", keep="MODIFIED")
    await cache.put("m", b"2", keep="MODIFIED")
    for number in range(401):
        await cache.put(str(number), b"1")
    await there.get("joined")
    before = listener(cache).attachment
    worker.held = (c.Listen,)
    writing = [asyncio.create_task(there.put(str(number), b"2")) for number in range(401)]
    await until(lambda: len(worker.of(c.WriteEntry)) == 803)
    worker.let()
    await until(lambda: all(task.done() for task in writing), clock)
    await until(lambda: listener(cache).attachment > before, clock)
    assert worker.state(NAME).entries["m"].value == b"2"
    assert worker.happened(LineLost) == []
    assert await cache.get("7") == b"2"
    assert cache.local.rejoins == 1


async def test_a_call_for_a_line_whose_grant_is_still_on_its_way(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    """The grant is served once, to who asked, and not kept."""
    await there.put("x", b"1", keep="INVALID")
    await cache.get("warm-up")
    desk = cache._access.desks[0]
    worker.held = (c.ReadEntry,)
    reading = asyncio.create_task(cache.get("x"))
    await until(lambda: len(worker.of(c.ReadEntry)) == 2)
    desk.obey(LineCall(1, "INVALIDATE", "x", 1 << 60))
    worker.let()
    assert await reading == b"1"
    assert cache.hit("x") is None


async def test_a_grant_of_exclusive_that_comes_after_its_share_is_shared(
    cache: Cache[bytes], worker: CacheWorker
) -> None:
    await cache.get("warm-up")
    desk = cache._access.desks[0]
    worker.held = (c.WriteEntry,)
    putting = asyncio.create_task(cache.put("x", b"1"))
    await until(lambda: worker.of(c.WriteEntry) != [])
    token = 1 << 48 | worker._number
    desk.obey(LineCall(1, "SHARE", "x", token))
    worker.let()
    assert await putting == token
    assert desk.lines.by_entry["x"].state == "SHARED"


async def test_who_is_not_known_any_more_joins_anew_and_asks_again(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    before = listener(cache).attachment
    clock.time += 20  # frozen: no timer fires
    await until(lambda: listener(cache).attachment > before, clock)
    assert await cache.get("x") == b"1"
    await cache.put("x", b"2")
    assert cache.hit("x") == b"2"


async def test_a_frozen_client_serves_nothing_when_it_wakes(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    clock.time += 9.9
    assert cache.hit("x") is None


async def test_a_write_is_asked_again_if_its_attachment_was_over(
    cache: Cache[bytes], worker: CacheWorker
) -> None:
    await cache.put("x", b"1")
    before = listener(cache).attachment
    worker.refuse = {c.WriteEntry: Rejected("NOT_LISTENING", "test says so")}
    putting = asyncio.create_task(cache.put("x", b"2"))
    await until(lambda: listener(cache).attachment > before)
    worker.refuse = {}
    assert await putting > 0
    assert cache.hit("x") == b"2"


async def test_a_join_that_was_never_heard_of_is_given_up_for_another(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    worker.held = (c.Listen,)
    reading = asyncio.create_task(cache.get("x"))
    await until(lambda: worker.of(c.Listen) != [])
    asked = listener(cache)._asked
    assert asked is not None
    cache._access.caches.session._ledger.finish(asked.pending, errors.OutcomeUnknown("test says so"))
    worker.let()
    assert await reading is None
    await until(lambda: bool(listener(cache).attachment), clock)
    await cache.put("x", b"1")
    assert cache.hit("x") == b"1"


async def made_anew(cache: Cache[bytes], clock: FakeClock, **options: Any) -> bool:
    """Create it as soon as all have left."""
    while True:
        try:
            return await cache.create(**options)
        except errors.CacheClosing as closing:
            assert closing.retry_after_s
            clock.turn(0.01)


async def test_a_deleted_cache_is_an_error_until_it_is_made_again(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    assert await there.delete_cache() == 1
    await until(lambda: cache.hit("x") is None)
    with pytest.raises((errors.CacheUnknown, errors.CacheClosing)):
        await cache.get("x")
    await made_anew(there, clock)
    assert await cache.get("x") is None
    await cache.put("x", b"2")
    assert cache.hit("x") == b"2"


async def test_a_session_that_ends_takes_the_lines_along(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    client = await join("n1")
    lost: list[object] = []
    cache = client.cache(NAME, on_lost=lost.append, keep="MODIFIED")
    await cache.create()
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    before = client.node.session or ""
    worker.end_session(before)
    await until(lambda: client.node.session not in (None, before), clock)
    assert len(lost) == 1
    assert cache.hit("x") is None
    assert await cache.get("x") == b"1"
    await until(lambda: cache.look("x") is not None or bool(listener(cache).attachment), clock)
    await cache.put("x", b"3")
    assert cache.hit("x") == b"3"


async def test_lines_of_a_node_that_is_not_heard_are_not_used(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    from streams.domain.nodes.commands import Heartbeat

    client = await join("n1", timeout=2.0)
    cache = client.cache(NAME)
    await cache.create()
    await cache.put("x", b"1")
    worker.sweeps = False
    worker.held = (Heartbeat,)
    await let_pass(clock, 1.5)
    assert cache.hit("x") == b"1"
    await let_pass(clock, 0.5)
    assert cache.hit("x") is None


async def test_what_the_directory_holds_for_modified_and_nobody_has_is_disowned(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    """The answer that granted it never came."""
    await cache.put("x", b"1", keep="MODIFIED")
    cache._access.desks[0].lines.pop("x")
    assert await cache.get("x") == b"1"


async def test_a_read_that_overtakes_the_answer_of_a_write_waits_for_its_line(
    cache: Cache[bytes], worker: CacheWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory says that this client holds the line, of which it knows nothing yet."""
    await cache.get("joined")
    late: list[tuple[Any, ...]] = []
    send = worker._send

    def slowly(*answer: Any) -> None:
        (late.append if isinstance(answer[4], EntryStored) else lambda each: send(*each))(answer)

    monkeypatch.setattr(worker, "_send", slowly)
    putting = asyncio.create_task(cache.put("x", b"1", keep="MODIFIED"))
    await until(lambda: late != [])
    reading = asyncio.create_task(cache.get("x"))
    await until(lambda: len(worker.of(c.ReadEntry)) == 2)
    for _ in range(20):
        await asyncio.sleep(0)
    send(*late[0])
    assert await putting > 0
    assert await reading == b"1"
    assert cache.hit("x") == b"1"
    assert worker.happened(LineLost) == []
