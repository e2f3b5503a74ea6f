"""`python -m bench.nodes.crowd ADDRESS PREFIX --nodes N --beats FILE`: N nodes, each a client, until it is killed."""

import argparse
import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import tidelock
from bench.nodes.beats import Beats
from bench.role import line, run, say
from bench.stack import TOKEN

AT_ONCE = 50


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("prefix")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--beats", type=Path, required=True)
    return parser.parse_args()


async def crowd(asked: argparse.Namespace) -> dict[str, Any]:
    """Be all of them until told to leave."""
    beats, room = Beats(asked.beats, asked.nodes), asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as closing:

        async def join(number: int) -> None:
            node = tidelock.Node(f"{asked.prefix}-{number}", timeout=5.0, load=beats.of(number))
            async with room:
                client = await tidelock.connect(asked.address, token=TOKEN, node=node)
            closing.push_async_callback(client.close)

        await asyncio.gather(*map(join, range(asked.nodes)))
        say("ready")
        await line()
    return {}


if __name__ == "__main__":
    run(partial(crowd, arguments()))
