"""A release that raises a read model's version, on a real stack under load: built beside, promoted, and taken back."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import pytest_asyncio

from storage.postgres.builds import PostgresBuilds
from storage.postgres.pool import pool
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.tables import LOCK_WINDOWS
from tests.integration.cli.conftest import Cli
from tests.integration.projector import truth
from tests.integration.projector.later import LATER
from tests.integration.projector.stage import Stage, until
from tests.integration.projector.test_builds import reading
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("projector"),
]
MODULE = "tests.integration.projector.later"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stack_for_tests(
        tmp_path_factory.mktemp("stack"), ["kafka", "postgres"], workers=1, projectors=1,
        environment={"TIDELOCK_REGISTER_SELF": "0"},
    ) as stack:  # fmt: skip
        yield Stage(stack)


class LaterCli(Cli):
    """The command line of the later release."""

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        env = {k: v for k, v in os.environ.items() if not k.startswith("TIDELOCK_")}
        env["TIDELOCK_HOME"] = str(self.stack.settings.home)
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-m", MODULE, "cli", *args, env=env, stdout=pipe, stderr=pipe
        )


@asynccontextmanager
async def later_projector(stage: Stage) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a projector of the later release beside that of the release before."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        metrics = f"127.0.0.1:{free.getsockname()[1]}"
    env = dict(stage.stack.part("projector-0").part.launch().env) | {
        "TIDELOCK_PROJECTOR_NAME": "later", "TIDELOCK_PROJECTOR_METRICS": metrics, "TIDELOCK_PROJECTOR_BESIDE": "1",
    }  # fmt: skip
    with (stage.stack.settings.home / "later.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, "projector", env=os.environ | env, stdout=log, stderr=log
        )
        try:
            async with httpx.AsyncClient(trust_env=False) as http:

                async def is_ready() -> bool:
                    with suppress(httpx.HTTPError):
                        return (await http.get(f"http://{metrics}/ready")).status_code == 200
                    return False

                await until(is_ready)
            yield process
            assert process.returncode is None, (stage.stack.settings.home / "later.log").read_text("utf-8")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def known(stage: Stage) -> list[tuple[str, bool, int]]:
    """Return label, live and version of the builds of `locks`."""
    async with pool(stage.postgres) as connections:
        return [(one.label, one.live, one.version) for one in await PostgresBuilds(connections).of(LOCKS)]


async def test_a_raised_version_takes_over_and_gives_back_under_load(stage: Stage) -> None:
    new = LaterCli(stage.stack)
    await stage.play(clients=3)
    await stage.more_answers(100)
    async with later_projector(stage):
        async with reading(stage) as answers:
            built = await new("projection", "build", "locks@2", "--json")
            assert built.code == 0, built.err
            assert built.json["version"] == LATER.version
            assert await known(stage) == [("locks@1", True, LOCKS.version), ("locks@2", False, LATER.version)]
            await stage.more_answers(50)
            assert await truth.stored_rows(stage.postgres, LOCK_WINDOWS)
            promoted = await new("projection", "promote", "locks@2", "--yes", "--json")
            assert promoted.code == 0, promoted.err
            before = answers[0]
            await stage.more_answers(50)
            assert answers[0] > before
            assert not await truth.stored_rows(stage.postgres, LOCK_WINDOWS)
            await stage.rest()
            await stage.projected()
            told = await truth.told_by_logs(stage.kafka, projections=(LATER,))
            counts = await truth.assert_equal(stage.postgres, told, (LATER,))
            assert (counts["lock_windows"], counts["lock_history"] > 100) == (0, True)

            await stage.play(clients=3)
            back = await new("projection", "rollback", "locks", "--yes", "--json")
            assert back.code == 0, back.err
            await stage.more_answers(50)
        await stage.rest()
        proof = await stage.proved()
        assert proof.counts["lock_windows"] > 0
        assert await known(stage) == [("locks@1", True, LOCKS.version), ("locks@2", False, LATER.version)]
        different = await new("projection", "diff", "locks@2", "--json")
        assert (different.code, different.json["versions"]) == (1, [LOCKS.version, LATER.version])
        assert {one["table"] for one in different.json["tables"] if one["missing"]} == {"lock_windows"}


async def test_without_a_projector_of_its_release_what_is_live_stands_still_and_is_read_on(
    stage: Stage,
) -> None:
    """Needs what the spec before has left: the release before is live."""
    await stage.stack.part("projector-0").stop()
    before = await stage.checkpoints()
    rows = await truth.stored_rows(stage.postgres, LOCK_WINDOWS)
    await stage.play(clients=3)
    async with later_projector(stage):
        new = LaterCli(stage.stack)
        await stage.more_answers(50)
        await stage.rest()
        assert (await new("projection", "build", "locks@2", "--json")).code == 0
        after = await stage.checkpoints()
        assert {at: after[at] for at in after if at[0] == "locks"} == {
            at: before[at] for at in before if at[0] == "locks"
        }
        assert await truth.stored_rows(stage.postgres, LOCK_WINDOWS) == rows
        promoted = await new("projection", "promote", "locks@2", "--yes")
        assert promoted.code == 0, promoted.err
        refused = await new("projection", "rollback", "locks", "--yes", "--patience", "0")
        assert refused.code == 1
        assert "BUILD_BEHIND" in refused.err
