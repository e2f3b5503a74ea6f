"""`python -m tests.chaos.tables --faults 60`: the same for longer, with a summary."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.tables.stage import Stage
from tidelock.local.testing import stack_for_tests


async def hurt(faults: int, projectors: int, seed: int, logs: Path) -> int:
    async with stack_for_tests(logs / "stack", ("kafka", "postgres")) as stack:
        stage, begun_s = Stage(stack, logs, seed), time.monotonic()
        await stage.prepare()
        differences = await stage.run(faults, projectors)
        taken = await stage.compacted()
    print(f"faults: {dict(stage.faults)}, {stage.young} of them soon after a start")
    print(f"batches: {stage.batches}, backward: {stage.backward}; records that compaction took: {taken}")
    print(f"seconds: {time.monotonic() - begun_s:.0f}; differences: {differences}")
    return 1 if differences or stage.backward or not taken else 0


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.chaos.tables")
    asked.add_argument("--faults", type=int, default=60)
    asked.add_argument("--projectors", type=int, default=3)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--logs", type=Path, help="where the projectors' logs are kept; default: nowhere")
    told = asked.parse_args()
    if told.logs is not None:
        told.logs.mkdir(parents=True, exist_ok=True)
        return asyncio.run(hurt(told.faults, told.projectors, told.seed, told.logs))
    with TemporaryDirectory() as logs:
        return asyncio.run(hurt(told.faults, told.projectors, told.seed, Path(logs)))


if __name__ == "__main__":
    sys.exit(main())
