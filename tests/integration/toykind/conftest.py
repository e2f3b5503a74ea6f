"""A real stack whose workers, API node and command line know one more kind, which only tests know."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio

import tidelock
from tests.integration.engine.cluster import free_port, until
from tests.toykind.catalogue import ALL
from tidelock.local.settings import StackSettings
from tidelock.local.stack import LocalStack
from tidelock.local.statefile import worker_metrics
from tidelock.local.tokens import DEV

CLI_S = 60.0


@dataclass(frozen=True)
class Stage:
    """What a test acts on."""

    stack: LocalStack
    token: str
    api: str

    def connect(self) -> Any:
        return tidelock.connect(*self.stack.addresses.workers, token=self.token, kinds=ALL)

    async def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return the whole answer, errors and all."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            answer = await http.post(
                f"http://{self.api}/graphql",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {self.token}"},
            )
        return cast("dict[str, Any]", answer.json())

    async def cli(self, *args: str) -> tuple[int, str]:
        """Return (exit code, output) of `tidelock ARGS`."""
        process = await started("tests.toykind.cli", *args, TIDELOCK_HOME=str(self.stack.settings.home))
        out, err = await asyncio.wait_for(process.communicate(), CLI_S)
        return process.returncode or 0, (out or err).decode()

    async def cli_json(self, *args: str) -> list[Any]:
        """Return the lines of JSON that `tidelock ARGS --json` prints."""
        code, out = await self.cli(*args, "--json")
        assert code == 0, out
        return [json.loads(line) for line in out.splitlines()]

    async def told(self, path: str) -> list[httpx.Response]:
        """Return what each worker shows of itself."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            return [
                await http.get(f"http://{address}{path}")
                for address in worker_metrics(self.stack.settings.home).values()
            ]


async def started(module: str, *args: str, **environment: str) -> asyncio.subprocess.Process:
    env = {k: v for k, v in os.environ.items() if not k.startswith("TIDELOCK_")} | environment
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *args, env=env, stdout=pipe, stderr=pipe
    )


@asynccontextmanager
async def api_node(stack: LocalStack, token: str) -> AsyncIterator[str]:
    """Run an API node that knows counters; return its address."""
    listen, metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.toykind.api",
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("TIDELOCK_")},
            "TIDELOCK_KAFKA": stack.addresses.kafka,
            "TIDELOCK_POSTGRES": str(stack.addresses.postgres),
            "TIDELOCK_WORKERS": ",".join(stack.addresses.workers),
            "TIDELOCK_API_LISTEN": listen,
            "TIDELOCK_API_METRICS": metrics,
            "TIDELOCK_API_DEV": "true",
            "TIDELOCK_DEV_TOKEN": token,
        },
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def ready() -> bool:
        assert process.returncode is None, "the API node ended"
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
                return (await http.get(f"http://{metrics}/ready")).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        await until(ready)
        yield listen
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    home: Path = tmp_path_factory.mktemp("toykind")
    settings = StackSettings(
        home=home, workers=2, projectors=1, processes=0, apis=0, parts=frozenset({"kafka", "postgres"}),
        jvm_cache=False, worker_module="tests.toykind.worker",
        environment={"TIDELOCK_KIND_PARTITIONS": '{"counters": 3}'},
    )  # fmt: skip
    async with LocalStack(settings, print) as stack:
        token = DEV.chosen(home)
        async with api_node(stack, token) as address:
            yield Stage(stack, token, address)
