"""A client of a cache in a process of its own: does what it reads, a line each, and says what came of it.

`python -m tests.integration.caches.role WORKERS CACHE`. A line is JSON, the name of a method and its arguments; the
answer is `["ok", result]`, or `["error", code]`.
"""

import asyncio
import json
import sys
from typing import Any

import tidelock
from tidelock.client.queues.codecs import Json

TOKEN = "integration"


async def main(workers: str, cache: str) -> None:
    """Serve stdin until it ends."""
    loop = asyncio.get_running_loop()
    async with tidelock.connect(*workers.split(","), token=TOKEN, connect_timeout=40.0) as client:
        used = client.cache(cache, codec=Json(), on_lost=lambda _: None)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await done(used, *json.loads(line))), flush=True)


async def done(cache: Any, method: str, arguments: list[Any], options: dict[str, Any]) -> list[Any]:
    """Call a method of the cache."""
    try:
        result = getattr(cache, method)(*arguments, **options)
        return ["ok", await result if asyncio.iscoroutine(result) else result]
    except tidelock.TidelockError as error:
        return ["error", error.code]


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
