"""A worker's status answers whoever else is connected, and says what is so."""

import asyncio
import socket
import urllib.error
import urllib.request

import pytest

from streams.engine import status
from streams.engine.status import serve_status, status_of
from tests.unit.engine.harness import PATIENCE_S, World
from tests.unit.engine.lane import LOCKS_0, Lane, serving
from tests.unit.engine.toy import Put


def fetch(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_S) as answer:
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        return error.code


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
    monkeypatch.setattr(status._Quiet, "timeout", 0.05)
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
        (told,) = status_of(lane.roster)["partitions"]
        assert (told["queued"], told["queued_bytes"]) == (owner.queued, owner.queued_bytes) == (0, 0)
        waiting = World().pending(Put("k", bytes(1_000)))
        owner._waiting.queue.append(waiting)
        (told,) = status_of(lane.roster)["partitions"]
        assert (told["queued"], told["queued_bytes"]) == (1, waiting.size)
        owner._waiting.take_all()
