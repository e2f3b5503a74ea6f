"""Connections: finding a worker, authentication, nonsense, bounded flight."""

import asyncio
import struct

import pytest

from streams.domain.locks.commands import InspectLock
from streams.domain.locks.replies import LockState
from streams.wire.frames import frame
from streams.wire.messages import Answers, Hello, Refused, Route
from tests.unit.client.worker import FRAMES, MARK_MS, FakeClock, FakeWorker, Received, until
from tidelock import errors
from tidelock.client.client import Client, connect
from tidelock.client.link import Link
from tidelock.client.pending import Pending

FREE = LockState("FREE", (), (), 0, 0, None)


async def test_addresses_are_tried_in_turn(worker: FakeWorker, clock: FakeClock) -> None:
    dead = await FakeWorker(clock).start()
    await dead.stop()
    async with connect(dead.address, worker.address, clock=clock) as client:
        assert client.tenant == "dev"


async def test_addresses_come_from_the_environment(
    worker: FakeWorker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELOCK_WORKERS", f"127.0.0.1:1, {worker.address}")
    monkeypatch.setenv("TIDELOCK_TOKEN", "from-env")
    async with connect(clock=clock):
        hello = (await worker.hellos.get()).hello
        assert hello is not None
        assert hello.token == "from-env"


async def test_a_standby_tells_no_time_and_names_who_leads(worker: FakeWorker, clock: FakeClock) -> None:
    standby = await FakeWorker(clock).start()
    standby.leads = False
    standby.routes = (Route("locks", 0, worker.address),)
    async with connect(standby.address, clock=clock) as client:
        assert client.now_ms() == MARK_MS
    await standby.stop()


async def test_while_nobody_leads_connecting_goes_on(worker: FakeWorker, clock: FakeClock) -> None:
    worker.leads = False
    connecting = asyncio.ensure_future(connect(worker.address, clock=clock)._open())
    await worker.back()
    await worker.back()
    assert not connecting.done()
    worker.leads = True
    await until(connecting.done, clock)
    client = await connecting
    assert abs(client.now_ms() - worker.mark_ms()) <= 20
    await client.close()


async def test_nobody_leads_until_the_timeout(worker: FakeWorker) -> None:
    worker.leads = False
    with pytest.raises(errors.ConnectionLost, match="No worker led a partition"):
        await connect(worker.address, connect_timeout=0.1)


async def test_a_standby_that_connects_later_does_not_touch_the_time(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    standby = await FakeWorker(clock).start()
    standby.leads = False
    asking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).refuse("NOT_OWNER", address=standby.address)
    got = await standby.next(InspectLock)
    assert client.now_ms() == MARK_MS
    got.answer(FREE)
    await asking
    await client._session.close()
    await standby.stop()


async def test_nobody_there(clock: FakeClock) -> None:
    dead = await FakeWorker(clock).start()
    await dead.stop()
    with pytest.raises(errors.ConnectionLost, match="No worker answered"):
        await connect(dead.address, connect_timeout=0.05)


@pytest.mark.parametrize("address", ["localhost", "host:", "host:port"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(errors.ConnectionLost, match="host:port"):
        connect(address)


async def test_a_bad_token(worker: FakeWorker, clock: FakeClock) -> None:
    worker.refuse_hello = "UNAUTHENTICATED"
    with pytest.raises(errors.NotAuthenticated):
        await connect(worker.address, token="x", clock=clock)


async def test_a_token_that_is_no_longer_good_fails_what_is_open(client: Client, worker: FakeWorker) -> None:
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    worker.refuse_hello = "UNAUTHENTICATED"
    got.connection.drop()
    await worker.back()
    with pytest.raises(errors.NotAuthenticated):
        await asking


async def test_a_token_callback_that_fails_once_costs_one_attempt(
    worker: FakeWorker, clock: FakeClock
) -> None:
    asked = 0

    def token() -> str:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise OSError("the vault is sealed")
        return "t"

    client = await connect(worker.address, token=token, clock=clock)
    await worker.hellos.get()
    asking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).connection.drop()
    await worker.back()
    (await worker.next(InspectLock)).answer(FREE)
    await asking
    assert asked == 3
    await client.close()


async def test_a_token_is_asked_for_at_each_connect(worker: FakeWorker, clock: FakeClock) -> None:
    tokens = iter(["one", "two"])
    client = await connect(worker.address, token=lambda: next(tokens), clock=clock)
    first = await worker.hellos.get()
    asking = asyncio.create_task(client.inspect("a"))
    (await worker.next(InspectLock)).connection.drop()
    second = await worker.back()
    assert first.hello is not None
    assert second.hello is not None
    assert (first.hello.token, second.hello.token) == ("one", "two")
    assert first.hello.client == second.hello.client
    (await worker.next(InspectLock)).answer(FREE)
    await asking
    await client.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        struct.pack(">I", 600_000),  # oversize
        struct.pack(">I", 4) + b"ruin",
        struct.pack(">I", 14) + b"\xc3\x01" + bytes(12),
        frame(FRAMES.encode(Hello(1, "only clients", "say this"))),
        frame(FRAMES.encode(Hello(1, "cut", "short"))[:-3]),
    ],
)
async def test_nonsense_ends_the_connection_and_the_next_one_is_used(
    client: Client, worker: FakeWorker, nonsense: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, seen = client._session, []
    on_lost = session.on_lost

    def watched(link: Link, why: errors.TidelockError) -> list[Pending]:
        seen.append(why)
        return on_lost(link, why)

    monkeypatch.setattr(session, "on_lost", watched)
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.connection.transport.write(nonsense)
    await got.connection.closed.wait()
    await worker.back()
    (await worker.next(InspectLock)).answer(FREE)
    assert await asking == FREE
    assert isinstance(seen[0], errors.ProtocolViolation)


async def test_a_command_over_which_the_worker_hangs_up_is_given_up_in_the_end(
    client: Client, worker: FakeWorker, clock: FakeClock
) -> None:
    times = 0

    def hang_up(received: Received) -> None:
        nonlocal times
        times += 1
        received.connection.send(Refused(-1, "UNKNOWN_COMMAND", "what is that", "", -1, None, None))
        received.connection.transport.close()

    worker.auto = hang_up
    asking = asyncio.create_task(client.inspect("a"))
    await until(asking.done, clock)
    with pytest.raises(errors.BadArgument, match="what is that"):
        await asking
    assert times == 5


async def test_speaking_for_a_client_that_has_ended(worker: FakeWorker, clock: FakeClock) -> None:
    client = await connect(worker.address, clock=clock, client_id="gone", first_sequence=5_000)
    for sequence in (5_000, 5_001):
        asking = asyncio.create_task(client.inspect("a"))
        got = await worker.next(InspectLock)
        assert (got.meta.client, got.meta.sequence, got.meta.floor) == ("gone", sequence, 1)
        got.answer(FREE)
        await asking
    hello = worker.connections[0].hello
    assert hello is not None
    assert hello.client == client.id == "gone"
    await client.close()


@pytest.mark.parametrize(("client_id", "first"), [("", 1), ("x" * 129, 1), ("x", 0), ("x", 2**63)])
def test_what_no_client_can_be(client_id: str, first: int) -> None:
    with pytest.raises(errors.BadArgument):
        connect(client_id=client_id, first_sequence=first)


async def test_a_tap_hears_every_answer_first(worker: FakeWorker, clock: FakeClock) -> None:
    heard: list[tuple[str, int, bool]] = []
    asking: asyncio.Task[LockState] | None = None

    def tap(client_id: str, answers: Answers) -> None:
        assert asking is not None
        heard.extend((client_id, answer.sequence, asking.done()) for answer in answers.answers)

    client = await connect(worker.address, clock=clock, on_answers=tap)
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    got.answer(FREE)
    got.answer(FREE)
    await asking
    await until(lambda: len(heard) == 2)
    assert heard[0] == (client.id, 1, False)
    await client.close()


async def test_a_server_that_is_none_of_ours(clock: FakeClock) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(errors.ConnectionLost):
        await connect(f"127.0.0.1:{port}", connect_timeout=0.05)
    server.close()


async def test_no_more_commands_are_in_flight_than_the_worker_takes(
    worker: FakeWorker, clock: FakeClock
) -> None:
    worker.max_in_flight = 3
    client = await connect(worker.address, clock=clock)
    asking = [asyncio.create_task(client.inspect(f"n{n}")) for n in range(5)]
    flying = [await worker.next(InspectLock) for _ in range(3)]
    await until(lambda: len(client._session.open_commands()) == 5)
    assert list(worker.rest()) == []
    flying[0].answer(FREE)
    fourth = await worker.next(InspectLock)
    assert fourth.command.name == "n3"
    asking[4].cancel()  # still queued: it never goes out
    for got in (*flying[1:], fourth):
        got.answer(FREE)
    await asyncio.gather(*asking[:4])
    await client._session.drain(5)
    assert list(worker.rest()) == []
    await client.close()


async def test_another_cluster_behind_a_redirect_is_refused(
    client: Client, worker: FakeWorker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await FakeWorker(clock).start()
    asking = asyncio.create_task(client.inspect("a"))
    got = await worker.next(InspectLock)
    monkeypatch.setattr("tests.unit.client.worker.PARTITIONS", 8)
    got.refuse("NOT_OWNER", address=other.address)
    await other.back()
    again = await worker.next(InspectLock)
    again.answer(FREE)
    assert await asking == FREE
    await client._session.close()
    await other.stop()
