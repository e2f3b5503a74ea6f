"""A worker's status answers whoever else is connected, and says what is so."""

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest

from streams.engine.status import serve_status, status_of
from streams.engine.telemetry import Trouble
from streams.log.positions import PartitionId
from streams.ops import http
from tests.unit.engine.harness import PATIENCE_S, World
from tests.unit.engine.lane import LOCKS_0, Lane, serving
from tests.unit.engine.toy import Put


def fetch(port: int, path: str) -> int:
    return told(port, path)[0]


def told(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


async def test_an_idle_connection_blocks_nobody() -> None:
    async with serving() as lane:
        server = serve_status("127.0.0.1:0", lane.roster)
        port = server.server_port
        try:
            with socket.create_connection(("127.0.0.1", port)) as idle:
                idle.sendall(b"GET /rea")
                for path in ("/ready", "/metrics", "/status"):
                    assert await asyncio.to_thread(fetch, port, path) == 200
        finally:
            await asyncio.to_thread(server.shutdown)
            server.server_close()


def test_a_peer_that_falls_silent_is_hung_up_on_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.QuietHandler, "timeout", 0.05)
    server = serve_status("127.0.0.1:0", Lane().roster)
    try:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as idle:
            assert idle.recv(1) == b""
    finally:
        server.shutdown()
        server.server_close()
    assert capfd.readouterr().err == ""


async def test_a_worker_is_ready_when_it_decides_all_that_is_assigned_to_it() -> None:
    lane = Lane()
    assert not lane.roster.ready
    await lane.roster.assigned(frozenset(), {})
    assert lane.roster.ready
    await lane.roster.assigned(frozenset({LOCKS_0}), {})
    assert not lane.roster.ready
    await lane.roster.close()


async def test_it_says_how_much_waits_for_its_decision() -> None:
    async with serving() as lane:
        owner = lane.roster.owners[LOCKS_0]
        (shown,) = status_of(lane.roster)["partitions"]
        assert (shown["queued"], shown["queued_bytes"]) == (owner.queued, owner.queued_bytes) == (0, 0)
        waiting = World().pending(Put("k", bytes(1_000)))
        owner._waiting.queue.append(waiting)
        (shown,) = status_of(lane.roster)["partitions"]
        assert (shown["queued"], shown["queued_bytes"]) == (1, waiting.size)
        owner._waiting.take_all()


async def test_it_says_what_keeps_a_partition_from_being_decided() -> None:
    skewed, elsewhere = Trouble("CLOCK_SKEW", "an hour ahead"), Trouble("FENCED", "long ago")
    troubles = {LOCKS_0: skewed, PartitionId("locks", 7): elsewhere}
    async with serving() as lane:
        (shown,) = status_of(lane.roster, lambda: troubles)["partitions"]
        assert shown["trouble"] == {"code": "CLOCK_SKEW", "message": "an hour ahead"}
        (shown,) = status_of(lane.roster)["partitions"]
        assert shown["trouble"] is None
        lane.roster.owners[LOCKS_0].phase = "catching up"
        server = serve_status("127.0.0.1:0", lane.roster, troubles=lambda: troubles)
        try:
            code, body = await asyncio.to_thread(told, server.server_port, "/ready")
        finally:
            await asyncio.to_thread(server.shutdown)
            server.server_close()
        assert (code, json.loads(body)) == (503, {"ready": False, "troubles": {"locks/0": "CLOCK_SKEW"}})
