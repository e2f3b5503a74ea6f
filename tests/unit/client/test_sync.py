"""The blocking client, against a worker in another thread."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from inspect import signature
from typing import Any

import pytest

import tidelock
from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock, InspectLock, WithdrawLock
from streams.domain.locks.replies import LockState, LockWaiting, LockWithdrawn
from streams.wire.messages import Answers
from tests.unit.client.test_several import obliging
from tests.unit.client.worker import FakeWorker, Received
from tidelock.client.errors import ClientClosed

FREE = LockState("FREE", (), (), 0, 0, None)


class Answering:
    """Grants everything but "busy"; "waited for" is never granted, and "waiters" counts who waits for it."""

    def __init__(self) -> None:
        self.waiters = 0

    def __call__(self, received: Received) -> None:
        match received.command:
            case InspectLock(name="waiters"):
                received.answer(replace(FREE, waiter_count=self.waiters))
            case InspectLock():
                received.answer(FREE)
            case AcquireLock(name="busy"):
                received.answer(Rejected("LOCK_BUSY", "busy"))
            case AcquireLock(name="waited for"):
                self.waiters += 1
                received.answer(LockWaiting(1, 1), waiting=True)
            case WithdrawLock():
                received.answer(LockWithdrawn("NOTHING", None))
            case _:
                obliging(received)


@pytest.fixture
def address() -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    worker = FakeWorker()
    worker.auto = Answering()
    asyncio.run_coroutine_threadsafe(worker.start(), loop).result()
    yield worker.address
    asyncio.run_coroutine_threadsafe(worker.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_the_same_calls_block(address: str) -> None:
    with tidelock.sync.connect(address, token="t") as client:
        with client.lock("x", wait=1) as held:
            assert held.token == 1
            assert held.mode == "EXCLUSIVE"
            assert held.expires_in() > 20
            held.check()
        with client.lock("x", shared=True) as held:
            held.upgrade()
            held.downgrade()
            assert held.mode == "SHARED"
        with client.acquire_all(["b", "a"]) as both:
            assert list(both) == ["a", "b"]
        assert client.inspect("x") == FREE
        assert client.command("locks", InspectLock("x")) == FREE
        with pytest.raises(tidelock.LockBusy), client.lock("busy"):
            pytest.fail("entered")


def test_it_takes_the_options_of_the_async_connect(address: str) -> None:
    seen: list[tuple[str, int, str]] = []

    def note(client_id: str, answers: Answers) -> None:
        sequences = [each.sequence for each in answers.answers]
        seen.extend((client_id, sequence, threading.current_thread().name) for sequence in sequences)

    with tidelock.sync.connect(address, client_id="me", first_sequence=1000, on_answers=note) as client:
        assert client.id == "me"
        client.inspect("x")
        client.inspect("x")
    assert seen == [("me", 1000, "tidelock"), ("me", 1001, "tidelock")]


def test_both_connects_have_the_same_options() -> None:
    ours, theirs = (
        {name: (each.default, each.annotation) for name, each in signature(connect).parameters.items()}
        for connect in (tidelock.sync.connect, tidelock.connect)
    )
    del theirs["clock"]  # for tests of the async one
    assert ours == theirs


@pytest.mark.parametrize("options", [{"client_id": ""}, {"first_sequence": 0}])
def test_an_identity_that_cannot_be_is_refused_and_leaves_no_thread(options: Any) -> None:
    before = threading.active_count()
    with pytest.raises(tidelock.errors.BadArgument):
        tidelock.sync.connect("127.0.0.1:1", **options)
    assert threading.active_count() == before


def test_threads_share_a_client(address: str) -> None:
    tokens: list[int] = []
    with tidelock.sync.connect(address) as client:

        def work(name: str) -> None:
            for _ in range(20):
                with client.lock(name) as held:
                    tokens.append(held.token)

        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(tokens)) == 80


def test_an_error_of_the_block_goes_through(address: str) -> None:
    with tidelock.sync.connect(address) as client, pytest.raises(KeyError), client.lock("x"):
        raise KeyError("mine")


def test_nobody_there_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(tidelock.ConnectionLost):
        tidelock.sync.connect("127.0.0.1:1", connect_timeout=0.05)
    assert threading.active_count() == before


def test_closing_ends_the_calls_of_other_threads(address: str) -> None:
    client = tidelock.sync.connect(address, timeout=3)
    ended: list[BaseException] = []
    under_way = threading.Semaphore(0)

    def work() -> None:
        try:
            while True:
                with client.lock("ham", wait=1):
                    under_way.release()
        except BaseException as error:
            ended.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(20)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        assert under_way.acquire(timeout=10)
    client.close()
    for thread in threads:
        thread.join(timeout=10)
    assert [type(error) for error in ended] == [ClientClosed] * 20


def test_closing_ends_the_waits_of_other_threads(address: str) -> None:
    client = tidelock.sync.connect(address)
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            client.acquire("waited for")
        except BaseException as error:
            ended.append(error)

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + 10
    while client.inspect("waiters").waiter_count < 5:
        assert time.monotonic() < deadline_s
    client.close()
    for thread in threads:
        thread.join(timeout=10)
    assert [type(error) for error in ended] == [ClientClosed] * 5


def test_a_closed_client_says_so_and_is_closed_again_for_nothing(address: str) -> None:
    client = tidelock.sync.connect(address)
    held, dropped = client.acquire("x"), client.acquire("y")
    client.close()
    client.close()
    calls: list[Callable[[], object]] = [
        lambda: client.acquire("x"),
        lambda: client.inspect("x"),
        lambda: client.command("locks", InspectLock("x")),
        lambda: client.acquire_all(["x"]).__enter__(),
        held.renew,
        dropped.release,
    ]
    for call in calls:
        with pytest.raises(ClientClosed, match="Open another one"):
            call()
    assert held.is_lost


def test_a_client_that_is_closed_in_a_block_ends_the_block(address: str) -> None:
    with tidelock.sync.connect(address) as client, pytest.raises(ClientClosed), client.lock("x"):
        client.close()
    with tidelock.sync.connect(address) as client, pytest.raises(KeyError), client.lock("x"):
        client.close()
        raise KeyError("mine")


def test_several_threads_may_close(address: str) -> None:
    client = tidelock.sync.connect(address)
    before = threading.active_count()
    threads = [threading.Thread(target=client.close, daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert threading.active_count() == before - 1


def test_a_blocking_call_on_the_clients_own_thread_is_refused_with_the_cure(address: str) -> None:
    refused: list[BaseException] = []

    def note(client_id: str, answers: Answers) -> None:
        for call in (lambda: client.inspect("y"), client.close):
            try:
                call()
            except BaseException as error:
                refused.append(error)

    with tidelock.sync.connect(address, on_answers=note) as client:
        caller = threading.Thread(target=lambda: client.inspect("x"), daemon=True)
        caller.start()
        caller.join(timeout=10)
        assert not caller.is_alive()
    assert [type(error) for error in refused[:2]] == [tidelock.errors.BadArgument] * 2
    assert "on another thread" in str(refused[0])
