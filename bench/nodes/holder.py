"""`python -m bench.nodes.holder ADDRESS NODE --locks N`: a node that holds so many locks, until it is killed."""

import argparse
import asyncio
from functools import partial
from typing import Any

import tidelock
from bench.role import line, run, say
from bench.stack import TOKEN
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock

TIMEOUT_S = 1.0
TTL_MS = 3_600_000
AT_ONCE = 256


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("node")
    parser.add_argument("--locks", type=int, default=10_000)
    return parser.parse_args()


async def hold(asked: argparse.Namespace) -> dict[str, Any]:
    """Take all locks on behalf of the node's session, and keep them."""
    node, room = tidelock.Node(asked.node, timeout=TIMEOUT_S), asyncio.Semaphore(AT_ONCE)
    async with tidelock.connect(asked.address, token=TOKEN, node=node) as client:

        async def take(number: int) -> None:
            async with room:
                command = AcquireLock(f"{asked.node}/{number}", EXCLUSIVE, TTL_MS, 0)
                await client.command("locks", command, handle=str(number))

        await asyncio.gather(*map(take, range(asked.locks)))
        say("ready")
        await line()
    return {}


if __name__ == "__main__":
    run(partial(hold, arguments()))
