"""One real stack (Kafka and a worker) for all tests of the command line, and the console script run against it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests

TIMEOUT_S = 90


@dataclass(frozen=True)
class Ran:
    """How one command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """`tidelock ...` in processes of its own, at one stack."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        home = str(self.stack.settings.home)
        env = {k: v for k, v in os.environ.items() if not k.startswith("TIDELOCK_")} | {"TIDELOCK_HOME": home}
        env.pop("COLUMNS", None)  # whoever runs the tests may say 80: tables are compared as a pipe gets them
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-m", "tidelock.cli.main", *args, env=env, stdout=pipe, stderr=pipe
        )

    async def __call__(self, *args: str) -> Ran:
        process = await self.start(*args)
        try:
            out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
        except BaseException:
            process.kill()
            raise
        return Ran(process.returncode or 0, out.decode(), err.decode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cli(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cli]:
    """The command line at a stack of Kafka and one worker."""
    home: Path = tmp_path_factory.mktemp("stack")
    async with stack_for_tests(home, ("kafka",), workers=1) as stack:
        yield Cli(stack)
