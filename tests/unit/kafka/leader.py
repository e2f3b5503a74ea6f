"""A partition's leader that only knows Produce: it reads by aiokafka's schemas, and answers what it is told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from struct import pack
from typing import Any, Literal, TypeAlias

from aiokafka import TopicPartition
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7
from aiokafka.record.default_records import DefaultRecordBatch

from storage.kafka.writer import KafkaLogWriter, connected_to

AT = TopicPartition("tidelock.locks.log", 3)
PRODUCER = (77, 3)
Outcome: TypeAlias = tuple[int, int, int] | Literal["hang up", "silence", "another number", "twice"]


class Leader:
    """Answers each request with the next of `outcomes`: (error code, offset, timestamp), or not so well."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.batches: list[DefaultRecordBatch] = []
        self.requests: list[Any] = []
        self.connections = 0
        self.piece = 1 << 20
        """So many bytes of an answer are sent at once."""
        self._outcomes = deque(outcomes)
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self._open.append(writer)
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                await self._answer(await reader.readexactly(size), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        assert frame[:4] == pack(">hh", 0, 7)
        number = int.from_bytes(frame[4:8], "big")
        client_size = int.from_bytes(frame[8:10], "big")
        request = ProduceRequest_v7.SCHEMA.decode(BytesIO(frame[10 + client_size :]))
        self.requests.append(request)
        ((topic, ((partition, batch),)),) = request[3]
        self.batches.append(DefaultRecordBatch(batch))
        outcome = self._outcomes.popleft()
        if outcome == "hang up":
            writer.close()
        elif outcome != "silence":
            code, offset, at = outcome if isinstance(outcome, tuple) else (0, 10, 1)
            told = ProduceResponse_v7([(topic, [(partition, code, offset, at, 0)])], 0).encode()
            number += outcome == "another number"
            whole = pack(">ii", len(told) + 4, number) + told
            whole += whole if outcome == "twice" else b""
            for begin in range(0, len(whole), self.piece):
                writer.write(whole[begin : begin + self.piece])
                await writer.drain()
                await asyncio.sleep(0)

    def hang_up(self) -> None:
        """End all connections."""
        for writer in self._open:
            writer.close()


@asynccontextmanager
async def writing_to(leader: Leader) -> AsyncIterator[KafkaLogWriter]:
    """Open a writer whose partition `leader` leads."""
    server = await asyncio.start_server(leader.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    writer = KafkaLogWriter(connected_to("127.0.0.1", port, AT), AT, PRODUCER)
    try:
        yield writer
    finally:
        await writer.close()
        leader.hang_up()
        server.close()
