"""The log writer without a broker: its sequence numbers, and that the first failure is the last word."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.record.default_records import DefaultRecordBatch

from storage.kafka.writer import MAX_SEQUENCE, KafkaLogWriter
from streams.log.ports import AppendUnknown, RecordTooLarge

AT = TopicPartition("tidelock.locks.log", 0)


class Client:
    """Takes produce requests, and answers (error code, offset, timestamp) or raises."""

    def __init__(self, outcomes: list[tuple[int, int, int] | Exception]) -> None:
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: 1)
        self.batches: list[DefaultRecordBatch] = []
        self._outcomes = outcomes

    async def send(self, node: int, request: Any) -> Any:
        (_, [(partition, batch)]) = request._topics[0]
        self.batches.append(DefaultRecordBatch(batch))
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        code, offset, timestamp = outcome
        return SimpleNamespace(topics=[("t", [(partition, code, offset, timestamp, 0)])])


def writer(*outcomes: tuple[int, int, int] | Exception) -> tuple[KafkaLogWriter, Client]:
    client = Client(list(outcomes))
    return KafkaLogWriter(client, AT, (77, 3)), client


async def test_sequence_numbers_have_no_gap_and_begin_anew_after_the_largest() -> None:
    writing, client = writer((0, 10, 1), (0, 11, 1), (0, 12, 1))
    writing._sequence = MAX_SEQUENCE - 1
    assert [(await (await writing.append(b"r"))).offset for _ in range(3)] == [10, 11, 12]
    assert [batch.base_sequence for batch in client.batches] == [MAX_SEQUENCE - 1, MAX_SEQUENCE, 0]
    assert {(batch.producer_id, batch.producer_epoch) for batch in client.batches} == {(77, 3)}


@pytest.mark.parametrize(
    "failure", [KafkaConnectionError(), (6, -1, -1), (0, 5, -1)], ids=["lost", "moved", "time"]
)
async def test_after_a_failure_nothing_is_sent_any_more(failure: Any) -> None:
    writing, client = writer(failure, (0, 11, 1))
    with pytest.raises(AppendUnknown):
        await (await writing.append(b"one"))
    with pytest.raises(AppendUnknown):
        await writing.append(b"two")
    assert len(client.batches) == 1


async def test_what_does_not_fit_is_no_unknown_outcome() -> None:
    writing, _ = writer((10, -1, -1))
    with pytest.raises(RecordTooLarge):
        await (await writing.append(b"large"))


def test_an_append_has_left_when_its_owner_goes_on_deciding() -> None:
    class Sender(Client):
        transport: asyncio.WriteTransport

        async def send(self, node: int, request: Any) -> Any:
            self.transport.write(b"sent")
            return await super().send(node, request)

    async def append() -> None:
        ours, theirs = socket.socketpair()
        client = Sender([(0, 10, 1)])
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        client.transport = transport
        appending = await KafkaLogWriter(client, AT, (77, 3)).append(b"r")
        theirs.setblocking(False)
        assert theirs.recv(100) == b"sent"
        await appending
        transport.close()
        theirs.close()

    uvloop.run(append())
