"""20,000 histories without a violation; every planted bug found within as many; a seed reproduces its history.

`TIDELOCK_HISTORIES` sets how many, `TIDELOCK_SEED` where seeds start. A failure names the seed; replay it with
`python -m tests.simulation SEED --trace` (a planted bug's with `--mutant NAME`).
"""

import os
import subprocess
import sys

import pytest

from tests.simulation.history import run
from tests.simulation.hunting import FIRST_SEED, HISTORIES, find, reproduce, slice_of, without_violations
from tests.simulation.mutants import ALL, Mutant

SHARDS = 40

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_promise_is_broken(shard: int) -> None:
    histories = without_violations(run, slice_of(HISTORIES, shard, SHARDS), "tests.simulation")
    decisions = sum(result.decisions for result in histories)
    assert decisions > 10 * (HISTORIES // SHARDS), "the histories are too empty to mean anything"


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_planted_bug_is_found(mutant: Mutant) -> None:
    find(mutant, run, HISTORIES)


def test_a_seed_reproduces_its_history() -> None:
    reproduce(run, 20)


def test_a_seed_reproduces_its_history_in_every_process() -> None:
    seeds = [str(FIRST_SEED + i) for i in range(20)]
    outputs = {_replay(seeds, hash_seed) for hash_seed in ("0", "1", "4711")}
    assert len(outputs) == 1


def _replay(seeds: list[str], hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "tests.simulation", *seeds]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
