"""Writers: before the directory, after it, or behind; each entry in order."""

import asyncio
from contextlib import suppress

import pytest

from streams.domain.caches import commands as c
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches import behind
from tidelock.client.caches.terms import WriterOrder
from tidelock.client.client import Client


class Table:
    """Takes writes when it is let."""

    def __init__(self) -> None:
        self.took: list[tuple[str, bytes | None]] = []
        self.error: Exception | None = None
        self.go = asyncio.Event()
        self.go.set()
        self.calls = 0

    async def write(self, entry: str, value: bytes | None) -> None:
        self.calls += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        self.took.append((entry, value))


async def test_the_writer_comes_first(client: Client, worker: CacheWorker) -> None:
    table = Table()
    cache = client.cache(NAME, writer=table)
    await cache.create()
    await cache.put("x", b"1")
    table.error = OSError("full")
    with pytest.raises(errors.WriterFailed, match="the cache was not changed") as caught:
        await cache.put("x", b"2")
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(errors.WriterFailed):
        await cache.delete("x")
    assert (await cache.get("x"), table.took) == (b"1", [("x", b"1")])
    table.error = None
    await cache.delete("x")
    assert table.took[-1] == ("x", None)


async def test_or_after_the_directory(client: Client, worker: CacheWorker) -> None:
    table = Table()
    cache = client.cache(NAME, writer=table, writer_order="AFTER")
    await cache.create()
    table.error = OSError("full")
    with pytest.raises(errors.WriterFailed, match="has the value already"):
        await cache.put("x", b"1")
    assert await cache.get("x") == b"1"


class Plain:
    """No coroutine function: it raises at once, or returns a future."""

    def __init__(self) -> None:
        self.took: list[str] = []
        self.error: Exception | None = None

    def write(self, entry: str, value: bytes | None) -> "asyncio.Future[None]":
        if self.error is not None:
            raise self.error
        self.took.append(entry)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


async def test_a_writer_may_return_any_awaitable_and_raise_at_once(client: Client) -> None:
    plain = Plain()
    cache = client.cache(NAME, writer=plain)  # type: ignore[call-overload]
    await cache.create()
    await cache.put("x", b"1")
    plain.error = OSError("full")
    with pytest.raises(errors.WriterFailed, match="the cache was not changed"):
        await cache.put("x", b"2")
    assert (await cache.get("x"), plain.took) == (b"1", ["x"])


async def test_a_condition_that_fails_never_reaches_the_writer(client: Client) -> None:
    table = Table()
    cache = client.cache(NAME, writer=table)
    await cache.create()
    await cache.put("x", b"1")
    with pytest.raises(errors.EntryConflict):
        await cache.put("x", b"2", if_version=0)
    assert table.took == [("x", b"1")]


async def test_writes_of_an_entry_keep_their_order(client: Client) -> None:
    table = Table()
    cache = client.cache(NAME, writer=table)
    await cache.create()
    await asyncio.gather(*(cache.put("x", str(number).encode()) for number in range(20)))
    assert table.took == [("x", str(number).encode()) for number in range(20)]
    assert await cache.get("x") == b"19"


async def test_behind_brings_the_latest_value_in_order(client: Client, clock: FakeClock) -> None:
    table = Table()
    table.go.clear()
    cache = client.cache(NAME, writer=table, writer_order="BEHIND")
    await cache.create()
    for number in range(5):
        await cache.put("x", str(number).encode())
    await cache.put("y", b"1")
    assert cache.unwritten == 2
    table.go.set()
    await cache.flush()
    assert [value for entry, value in table.took if entry == "x"] in ([b"0", b"4"], [b"4"])
    assert ("y", b"1") in table.took
    assert cache.unwritten == 0


async def test_a_conditional_put_comes_after_what_is_behind(client: Client) -> None:
    table = Table()
    table.go.clear()
    cache = client.cache(NAME, writer=table, writer_order="BEHIND")
    await cache.create()
    version = await cache.put("x", b"1")
    await until(lambda: table.calls == 1)
    putting = asyncio.create_task(cache.put("x", b"2", if_version=version))
    for _ in range(100):
        await asyncio.sleep(0)
    assert table.calls == 1
    table.go.set()
    await putting
    assert table.took == [("x", b"1"), ("x", b"2")]


async def test_behind_tries_until_the_writer_takes_it(client: Client, clock: FakeClock) -> None:
    table = Table()
    table.error = OSError("away")
    cache = client.cache(NAME, writer=table, writer_order="BEHIND")
    await cache.create()
    await cache.put("x", b"1")
    await until(lambda: table.calls >= 3, clock)
    table.error = None
    await until(lambda: table.took != [], clock)
    assert table.took == [("x", b"1")]


async def test_what_the_writer_always_refuses_holds_up_nothing_else(client: Client, clock: FakeClock) -> None:
    class Picky(Table):
        async def write(self, entry: str, value: bytes | None) -> None:
            if value == b"bad":
                raise ValueError(f"{entry} will never do")
            await super().write(entry, value)

    table = Picky()
    cache = client.cache(NAME, writer=table, writer_order="BEHIND")
    await cache.create()
    for number in range(2 * behind.AT_ONCE):
        await cache.put(f"bad/{number}", b"bad")
    await cache.put("x", b"1")
    await until(lambda: table.took == [("x", b"1")], clock)
    await until(lambda: cache.unwritten == 2 * behind.AT_ONCE, clock)
    for number in range(2 * behind.AT_ONCE):
        await cache.put(f"bad/{number}", b"good")
    await until(lambda: cache.unwritten == 0, clock)
    assert sorted(table.took[1:]) == sorted(
        (f"bad/{number}", b"good") for number in range(2 * behind.AT_ONCE)
    )


async def test_a_deletion_waits_for_what_is_behind(client: Client, clock: FakeClock) -> None:
    table = Table()
    table.go.clear()
    cache = client.cache(NAME, writer=table, writer_order="BEHIND")
    await cache.create()
    await cache.put("x", b"1")
    deleting = asyncio.create_task(cache.delete("x"))
    await asyncio.sleep(0)
    table.go.set()
    assert await deleting
    assert table.took == [("x", b"1"), ("x", None)]


async def test_closing_lets_the_writer_have_what_waits_and_tells_what_it_did_not_take(
    join: Join, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    client, table = await join(), Table()
    table.error = OSError("away")
    cache = client.cache(NAME, writer=table, writer_order="BEHIND")
    await cache.create()
    await cache.put("x", b"1")
    closing = asyncio.create_task(client.close())
    await until(closing.done, clock)
    await closing
    assert "closed before the writer had 1 entries" in caplog.text


@pytest.mark.parametrize("order", ["FIRST", "AFTER"])
async def test_a_writer_that_hangs_holds_up_later_writes_for_its_time_only(
    client: Client, clock: FakeClock, order: WriterOrder
) -> None:
    table = Table()
    cache = client.cache(NAME, writer=table, writer_order=order, writer_timeout=3.0)
    await cache.create()
    await cache.put("x", b"1")
    table.go.clear()
    hung = asyncio.create_task(cache.put("x", b"2"))
    later = asyncio.create_task(cache.put("x", b"3"))
    await until(lambda: table.calls == 2)
    await let_pass(clock, 2.9)
    assert not hung.done()
    await let_pass(clock, 0.2)
    with pytest.raises(errors.WriterTimedOut, match="within 3 s") as caught:
        await hung
    assert (caught.value.code, caught.value.cache) == ("WRITER_TIMED_OUT", NAME)
    assert await cache.get("x") in ((b"1",) if order == "FIRST" else (b"2", b"3"))
    table.go.set()
    await later
    assert (await cache.get("x"), table.took[-1]) == (b"3", ("x", b"3"))


async def test_a_writer_that_cannot_be_cancelled_is_not_waited_for(client: Client, clock: FakeClock) -> None:
    end = asyncio.Event()

    class Deaf:
        async def write(self, entry: str, value: bytes | None) -> None:
            while not end.is_set():
                with suppress(asyncio.CancelledError):
                    await end.wait()

    cache = client.cache(NAME, writer=Deaf())
    await cache.create()
    putting = asyncio.create_task(cache.put("x", b"1"))
    await until(putting.done, clock)
    assert isinstance(putting.exception(), errors.WriterTimedOut)
    end.set()


async def test_behind_a_writer_that_hangs_is_tried_again(client: Client, clock: FakeClock) -> None:
    table = Table()
    table.go.clear()
    cache = client.cache(NAME, writer=table, writer_order="BEHIND", writer_timeout=1.0)
    await cache.create()
    await cache.put("x", b"1")
    deleting = asyncio.create_task(cache.delete("x"))
    await until(deleting.done, clock)
    assert isinstance(deleting.exception(), errors.WriterTimedOut)
    assert await cache.get("x") == b"1"
    await until(lambda: table.calls >= 2, clock)
    table.go.set()
    await until(lambda: table.took != [], clock)
    assert table.took == [("x", b"1")]
    assert await cache.delete("x")


async def test_puts_wait_for_room_behind_a_writer_for_its_time_only(
    client: Client, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = behind.AT_ONCE + 1
    monkeypatch.setattr(behind, "MAX_WAITING", waiting)
    table = Table()
    table.go.clear()
    cache = client.cache(NAME, writer=table, writer_order="BEHIND", writer_timeout=60.0)
    await cache.create()
    for number in range(waiting):
        await cache.put(str(number), b"1")
    putting = asyncio.create_task(cache.put("x", b"1"))
    await until(putting.done, clock)
    assert isinstance(putting.exception(), errors.WriterTimedOut)
    assert await cache.get("x") is None
    table.go.set()
    closing = asyncio.create_task(cache.close())
    await until(closing.done, clock)
    assert len(table.took) == waiting


def test_a_cache_with_a_writer_keeps_nothing_modified() -> None:
    from tidelock.client.caches.terms import terms_of

    with pytest.raises(errors.BadArgument, match="cannot keep MODIFIED"):
        terms_of(writer=Table(), keep="MODIFIED")


async def test_nothing_is_sent_for_what_the_writer_refused(client: Client, worker: CacheWorker) -> None:
    table = Table()
    table.error = OSError("no")
    cache = client.cache(NAME, writer=table)
    await cache.create()
    with pytest.raises(errors.WriterFailed):
        await cache.put("x", b"1")
    assert worker.of(c.WriteEntry) == []
