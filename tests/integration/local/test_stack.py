"""The real parts: they serve, come back after kill -9 with their data, and end without a trace."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tidelock.local.errors import BrokerCountChanged, StackLocked
from tidelock.local.parts.influx import find_binary
from tidelock.local.settings import StackSettings
from tidelock.local.stack import LocalStack
from tidelock.local.testing import kafka_for_tests, stack_for_tests

pytestmark = pytest.mark.integration
Find = Callable[[Path], list[Any]]
End = Callable[[list[Any]], None]
needs_influx = pytest.mark.skipif(find_binary() is None, reason="no influxd on this machine")

WORKER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404); self.end_headers()
        if self.path == "/close": os._exit(0)
    def log_message(self, *args): pass
print({name: os.environ[name] for name in sorted(os.environ) if name.startswith("TIDELOCK_")}, flush=True)
host, port = os.environ["TIDELOCK_WORKER_METRICS"].split(":")
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


async def _topic(kafka: str, copies: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("t", num_partitions=1, replication_factor=copies)])
    finally:
        await admin.close()


async def _send(kafka: str, value: bytes) -> None:
    """Send one record, as a client does that retries until somebody leads the partition."""
    while True:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
        await producer.start()
        try:
            await producer.send_and_wait("t", value)
        except KafkaError as error:
            if not error.retriable:
                raise
        else:
            return
        finally:
            await producer.stop()


async def _read(kafka: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        consumer.assign([TopicPartition("t", 0)])
        await consumer.seek_to_beginning()
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_a_killed_broker_comes_back_at_its_address_with_its_records(
    tmp_path: Path, processes_under: Find, assert_all_end: End
) -> None:
    async with kafka_for_tests(tmp_path) as stack:
        kafka = stack.addresses.kafka
        await _topic(kafka, 1)
        await _send(kafka, b"before")
        stack.part("kafka-0").kill(signal.SIGKILL)
        await stack.part("kafka-0").wait_ready()
        assert stack.addresses.kafka == kafka
        await _send(kafka, b"after")
        assert await _read(kafka, 2) == [b"before", b"after"]
        processes = processes_under(tmp_path)
    assert_all_end(processes)
    assert not tmp_path.exists()


async def test_a_frozen_broker_goes_on_where_it_was(tmp_path: Path) -> None:
    async with kafka_for_tests(tmp_path) as stack:
        await _topic(stack.addresses.kafka, 1)
        stack.part("kafka-0").freeze()
        async with asyncio.timeout(10.0):
            while await stack.part("kafka-0").part.ready():
                pass  # a process goes on for a moment after it was sent SIGSTOP
        stack.part("kafka-0").thaw()
        await _send(stack.addresses.kafka, b"thawed")
        assert stack.part("kafka-0").restarts == 0


async def test_three_brokers_survive_the_loss_of_one(
    tmp_path: Path, processes_under: Find, assert_all_end: End
) -> None:
    async with kafka_for_tests(tmp_path, brokers=3) as stack:
        kafka = stack.addresses.kafka
        assert kafka.count(",") == 2
        await _topic(kafka, 3)
        await _send(kafka, b"three")
        await stack.part("kafka-1").stop()
        await _send(kafka, b"two")
        await stack.part("kafka-1").start()
        assert await _read(kafka, 2) == [b"three", b"two"]
        processes = processes_under(tmp_path)
    assert_all_end(processes)


async def test_postgres_and_redis_keep_what_they_should(tmp_path: Path) -> None:
    async with stack_for_tests(tmp_path, ("postgres", "redis"), keep=True) as stack:
        first = stack.addresses
        assert first.postgres
        assert first.redis
        async with await psycopg.AsyncConnection.connect(first.postgres) as connection:
            version = await connection.execute("SHOW server_version_num")
            row = await version.fetchone()
            assert row is not None
            assert row[0].startswith("18")
            await connection.execute("CREATE TABLE kept (n int)")
        async with redis.asyncio.from_url(first.redis) as client:
            assert await client.ping()
        stack.part("redis").kill()
        stack.part("postgres").kill()
        await stack.part("redis").wait_ready()
        await stack.part("postgres").wait_ready()
    async with stack_for_tests(tmp_path, ("postgres", "redis")) as stack:
        assert stack.addresses == first
        async with await psycopg.AsyncConnection.connect(first.postgres) as connection:
            await connection.execute("INSERT INTO kept VALUES (1)")


@needs_influx
async def test_influx_is_set_up_and_takes_points(tmp_path: Path) -> None:
    async with stack_for_tests(tmp_path, ("influx",)) as stack:
        influx = stack.addresses.influx
        assert influx is not None
        stack.part("influx").kill()
        await stack.part("influx").wait_ready()
        headers = {"Authorization": f"Token {influx.token}"}
        async with httpx.AsyncClient(base_url=influx.url, headers=headers, trust_env=False) as client:
            where = {"org": influx.org, "bucket": influx.bucket}
            assert (await client.post("/api/v2/write", params=where, content="m v=1")).status_code == 204


async def test_without_influx_the_part_is_off_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INFLUXD", "TIDELOCK_SHARED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    said: list[str] = []
    settings = StackSettings(home=tmp_path, workers=0, parts=frozenset({"influx", "redis"}))
    async with LocalStack(settings, said.append) as stack:
        assert stack.addresses.influx is None
    assert [text for text in said if "InfluxDB is off" in text] == said


async def test_an_external_address_replaces_the_part(tmp_path: Path) -> None:
    settings = StackSettings(
        home=tmp_path, workers=0, parts=frozenset({"kafka", "redis"}), kafka="elsewhere:9092"
    )
    async with LocalStack(settings, print) as stack:
        assert [part.name for part in stack.parts] == ["redis"]
        assert stack.addresses.kafka == "elsewhere:9092"


async def test_a_port_taken_between_choice_and_bind_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        (tmp_path / "ports.json").write_text(json.dumps({"redis": taken}))
        monkeypatch.setattr("tidelock.local.ports.is_free", lambda port: True)
        async with stack_for_tests(tmp_path, ("redis",)) as stack:
            assert stack.addresses.redis
            assert str(taken) not in stack.addresses.redis


async def test_two_stacks_do_not_share_a_directory(tmp_path: Path) -> None:
    async with stack_for_tests(tmp_path, ("redis",)) as stack:
        with pytest.raises(StackLocked):
            await LocalStack(stack.settings, print).start()
        assert await stack.part("redis").part.ready()


async def test_a_cluster_of_one_is_not_started_as_three(tmp_path: Path) -> None:
    async with stack_for_tests(tmp_path, ("kafka",), keep=True):
        pass
    with pytest.raises(BrokerCountChanged):
        async with kafka_for_tests(tmp_path, brokers=3):
            pass


async def test_a_worker_that_closes_itself_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toy_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    monkeypatch.setenv("TIDELOCK_DEV_TOKEN", "secret")
    settings = StackSettings(
        home=tmp_path / "h", workers=2, parts=frozenset({"redis"}), kafka="k:1", worker_module="toy_worker"
    )
    async with LocalStack(settings, print) as stack:
        assert len(stack.addresses.workers) == 2
        log = stack.part("worker-1").log.read_text()
        given = ("'TIDELOCK_KAFKA': 'k:1'", "'TIDELOCK_DEV_TOKEN': 'secret'", "TIMEOUT_MS': '3000'")
        assert all(word in log for word in (*given, stack.addresses.workers[1]))
        metrics = log.split("TIDELOCK_WORKER_METRICS': '")[1].split("'")[0]
        with pytest.raises(httpx.HTTPError):
            async with httpx.AsyncClient(trust_env=False) as client:
                (await client.get(f"http://{metrics}/close")).raise_for_status()
        await stack.part("worker-1").wait_restarted()
