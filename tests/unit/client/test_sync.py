"""The blocking client, against a worker in another thread."""

import asyncio
import threading
from collections.abc import Iterator
from inspect import signature
from typing import Any

import pytest

import tidelock
from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock, InspectLock
from streams.domain.locks.replies import LockState
from streams.wire.messages import Answers
from tests.unit.client.test_several import obliging
from tests.unit.client.worker import FakeWorker, Received

FREE = LockState("FREE", (), (), 0, 0, None)


def answer(received: Received) -> None:
    if isinstance(received.command, InspectLock):
        received.answer(FREE)
    elif isinstance(received.command, AcquireLock) and received.command.name == "busy":
        received.answer(Rejected("LOCK_BUSY", "busy"))
    else:
        obliging(received)


@pytest.fixture
def address() -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    worker = FakeWorker()
    worker.auto = answer
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
