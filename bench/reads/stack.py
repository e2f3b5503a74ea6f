"""What is measured: a whole stack in a temporary home, with as many of our own processes as a section wants."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import tidelock
from bench.processes import OwnProcess
from tidelock.client.client import Connecting
from tidelock.local.child import Watcher
from tidelock.local.parts.process import Program
from tidelock.local.ports import PortBook
from tidelock.local.settings import StackSettings
from tidelock.local.stack import LocalStack
from tidelock.local.tokens import DEV

TOKEN = "bench"
TENANT = "dev"
SERVERS = frozenset({"kafka", "postgres", "redis"})
ENVIRONMENT = {"TIDELOCK_LOG_LEVEL": "WARNING", "TIDELOCK_TOKEN": TOKEN, DEV.variable: TOKEN}


@asynccontextmanager
async def read_stack(
    *, partitions: int = 4, projectors: int = 1, processes: int = 0, apis: int = 0
) -> AsyncIterator[LocalStack]:
    """Start servers, one worker and these; nothing is left of them afterwards."""
    with tempfile.TemporaryDirectory(prefix="tidelock-bench-") as directory:
        settings = StackSettings(
            home=Path(directory), parts=SERVERS, projectors=projectors, processes=processes, apis=apis, jvm_cache=False,
            environment={**ENVIRONMENT, "TIDELOCK_PARTITIONS": str(partitions)},
        )  # fmt: skip
        stack = LocalStack(settings, lambda _: None)
        await stack.start()
        try:
            yield stack
        finally:
            await stack.stop(at_once=True)


def client_of(stack: LocalStack) -> Connecting:
    """Return a new client of the stack's workers."""
    return tidelock.connect(*stack.addresses.workers, token=TOKEN)


def pid_of(stack: LocalStack, name: str) -> int:
    """Return the process of a part, such as `projector-0`."""
    child = stack.part(name).child
    assert child is not None
    return child.pid


@asynccontextmanager
async def one_more(stack: LocalStack, program: Program) -> AsyncIterator[OwnProcess]:
    """Start one process beside the stack, and end it."""
    home, watcher = stack.settings.home, Watcher()
    told = {
        **stack.addresses.as_environment(),
        **ENVIRONMENT,
        "TIDELOCK_WORKERS": ",".join(stack.addresses.workers),
    }
    process = OwnProcess(program, home, 9, PortBook(home / "more-ports.json"), told)
    await watcher.start()
    await process.start(watcher)
    try:
        yield process
    finally:
        await process.end()
        await watcher.stop()
