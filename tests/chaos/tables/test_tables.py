"""Tables stay exact while projectors are killed, stopped and frozen at random, and changelogs are compacted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.tables.stage import Stage
from tidelock.local.testing import stack_for_tests

pytestmark = [pytest.mark.integration, pytest.mark.asyncio, pytest.mark.xdist_group("chaos-tables")]

FAULTS = 12


async def test_tables_are_what_one_plain_pass_makes_of_the_logs_whatever_happened(tmp_path: Path) -> None:
    async with stack_for_tests(tmp_path / "stack", ("kafka", "postgres")) as stack:
        stage = Stage(stack, tmp_path)
        await stage.prepare()
        assert await stage.run(FAULTS) == {}
        assert stage.backward == []
        assert stage.faults.total() >= FAULTS
        assert stage.batches > FAULTS
        assert await stage.compacted() > 0
