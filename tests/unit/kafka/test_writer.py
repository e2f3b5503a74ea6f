"""The log writer and its connection, with a leader that knows no more than Produce: what is sent, and what ends it."""

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvloop

from storage.kafka import produce, writer
from storage.kafka.produce import ProduceConnection
from storage.kafka.writer import MAX_SEQUENCE
from streams.log.ports import Appended, AppendUnknown, RecordTooLarge
from tests.unit.kafka.leader import AT, PRODUCER, Leader, Outcome, writing_to


async def test_a_record_is_produced_to_all_replicas_in_a_batch_of_its_own() -> None:
    leader = Leader((0, 10, 1700))
    async with writing_to(leader) as writing:
        assert await (await writing.append(b"record")) == Appended(10, 1700)
    ((transaction, acks, timeout_ms, ((topic, ((partition, _),)),)),) = leader.requests
    assert (transaction, acks, timeout_ms, topic, partition) == (None, -1, 30_000, *AT)
    (batch,) = leader.batches
    assert batch.validate_crc()
    assert [record.value for record in batch] == [b"record"]


async def test_sequence_numbers_have_no_gap_and_begin_anew_after_the_largest() -> None:
    leader = Leader((0, 10, 1), (0, 11, 1), (0, 12, 1))
    async with writing_to(leader) as writing:
        writing._sequence = MAX_SEQUENCE - 1
        assert [(await (await writing.append(b"r"))).offset for _ in range(3)] == [10, 11, 12]
    assert [batch.base_sequence for batch in leader.batches] == [MAX_SEQUENCE - 1, MAX_SEQUENCE, 0]
    assert {(batch.producer_id, batch.producer_epoch) for batch in leader.batches} == {PRODUCER}
    assert leader.connections == 1


@pytest.mark.parametrize("piece", [1 << 20, 7], ids=["whole", "torn"])
async def test_several_are_under_way_and_each_learns_its_own_offset(piece: int) -> None:
    leader = Leader(*((0, offset, 1) for offset in range(10, 15)))
    leader.piece = piece
    async with writing_to(leader) as writing:
        appending = [await writing.append(b"r%d" % number) for number in range(5)]
        assert [each.offset for each in await asyncio.gather(*appending)] == [10, 11, 12, 13, 14]
    values = [record.value for batch in leader.batches for record in batch]
    assert values == [b"r%d" % number for number in range(5)]


@pytest.mark.parametrize("failure", ["hang up", "another number", (6, -1, -1), (0, 5, -1)])
async def test_after_a_failure_nothing_is_sent_any_more(failure: Outcome) -> None:
    leader = Leader(failure, (0, 11, 1))
    async with writing_to(leader) as writing:
        with pytest.raises(AppendUnknown):
            await (await writing.append(b"one"))
        with pytest.raises(AppendUnknown):
            await writing.append(b"two")
    assert len(leader.batches) == 1


async def test_what_is_under_way_when_the_connection_ends_is_unknown_all_of_it() -> None:
    leader = Leader("silence", "hang up")
    async with writing_to(leader) as writing:
        appending = [await writing.append(b"one"), await writing.append(b"two")]
        outcomes = await asyncio.gather(*appending, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [AppendUnknown, AppendUnknown]


async def test_an_answer_to_nothing_ends_the_connection() -> None:
    leader = Leader("twice", (0, 11, 1))
    async with writing_to(leader) as writing:
        await (await writing.append(b"one"))
        connection = writing._connection
        await until(lambda: connection is not None and not connection.is_fit)


async def test_a_leader_that_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "APPEND_TIMEOUT_MS", 50)
    async with writing_to(Leader((0, 10, 1), "silence")) as writing:
        await (await writing.append(b"one"))
        with pytest.raises(AppendUnknown, match="no answer within 50 ms"):
            await (await writing.append(b"two"))


async def test_what_does_not_fit_is_no_unknown_outcome() -> None:
    async with writing_to(Leader((10, -1, -1))) as writing:
        with pytest.raises(RecordTooLarge):
            await (await writing.append(b"large"))


async def test_a_connection_that_the_broker_closed_while_it_was_idle_is_made_anew() -> None:
    leader = Leader((0, 10, 1), (0, 11, 1))
    async with writing_to(leader) as writing:
        await (await writing.append(b"one"))
        leader.hang_up()
        await until(lambda: writing._connection is None)
        assert (await (await writing.append(b"two"))).offset == 11
    assert [batch.base_sequence for batch in leader.batches] == [0, 1]


async def test_a_connection_that_was_long_idle_is_not_used_again() -> None:
    leader = Leader((0, 10, 1), (0, 11, 1))
    async with writing_to(leader) as writing:
        await (await writing.append(b"one"))
        before = writing._connection
        assert before is not None
        before._used_s -= produce.IDLE_S
        assert (await (await writing.append(b"two"))).offset == 11
        await until(lambda: before._transport is None)
        assert writing._connection is not None  # the end of the old one is not that of the new one
    assert leader.connections == 2


async def test_without_a_leader_the_ownership_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    writing = writer.KafkaLogWriter(writer.connected_to("127.0.0.1", port, AT), AT, PRODUCER)
    for _ in range(2):
        with pytest.raises(AppendUnknown):
            await writing.append(b"one")


async def test_a_leader_that_takes_no_connection_is_not_waited_for_as_long_as_an_append(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "CONNECT_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        host, port = full.getsockname()
        with socket.create_connection((host, port)):  # all that its queue takes
            writing = writer.KafkaLogWriter(writer.connected_to(host, port, AT), AT, PRODUCER)
            with pytest.raises(AppendUnknown, match="no connection to its leader"):
                await writing.append(b"one")


def test_an_append_has_left_when_its_owner_goes_on_deciding() -> None:
    async def append() -> None:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()

        async def connect(producing: produce.Producing) -> ProduceConnection:
            _, made = await loop.create_connection(lambda: ProduceConnection(AT, 1, producing), sock=ours)
            return made

        writing = writer.KafkaLogWriter(connect, AT, PRODUCER)
        appending = await writing.append(b"a record")
        theirs.setblocking(False)
        assert b"a record" in theirs.recv(1000)
        theirs.close()
        with pytest.raises(AppendUnknown):
            await appending
        await writing.close()

    uvloop.run(append())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)
