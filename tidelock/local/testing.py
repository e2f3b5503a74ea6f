"""What tests and benchmarks use: a real stack of a few parts, in its own directory, and nothing left."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tidelock.local.settings import StackSettings
from tidelock.local.stack import LocalStack


@asynccontextmanager
async def stack_for_tests(
    home: Path,
    parts: Iterable[str] = ("kafka",),
    *,
    brokers: int = 1,
    workers: int = 0,
    projectors: int = 0,
    processes: int = 0,
    apis: int = 0,
    keep: bool = False,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[LocalStack]:
    """Start only `parts` under `home` and end them; the directory goes too, unless `keep`.

    `environment` is of our own processes, beside what the stack tells them.

    >>> async with stack_for_tests(tmp_path, ("kafka", "redis")) as stack:  # doctest: +SKIP
    ...     stack.addresses.kafka
    ...     stack.part("kafka-0").kill(signal.SIGKILL)
    ...     await stack.part("kafka-0").wait_ready()
    """
    settings = StackSettings(
        home=home, brokers=brokers, workers=workers, projectors=projectors, processes=processes, apis=apis,
        parts=frozenset(parts), jvm_cache=False, environment=environment or {},
    )  # fmt: skip
    stack = LocalStack(settings, print)
    await stack.start()
    try:
        yield stack
    finally:
        await stack.stop(at_once=not keep)
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def kafka_for_tests(home: Path, brokers: int = 1) -> AsyncIterator[LocalStack]:
    """Start Kafka alone; its address is `stack.addresses.kafka`."""
    async with stack_for_tests(home, ("kafka",), brokers=brokers) as stack:
        yield stack
