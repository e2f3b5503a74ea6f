"""A worker on an event loop in a thread of its own, for clients that block."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_W = TypeVar("_W")


@contextmanager
def served(worker: _W) -> Iterator[_W]:
    """Start a worker, and stop it in the end."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    started: Any = worker
    asyncio.run_coroutine_threadsafe(started.start(), loop).result(10)
    try:
        yield worker
    finally:
        asyncio.run_coroutine_threadsafe(started.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
