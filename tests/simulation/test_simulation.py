"""20,000 histories without a violation; every planted bug found within as many; a seed reproduces its history.

`TIDELOCK_HISTORIES` sets how many, `TIDELOCK_SEED` where seeds start. A failure names the seed; replay it with
`python -m tests.simulation SEED --trace` (a planted bug's with `--mutant NAME`).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.simulation.history import Result, run
from tests.simulation.mutants import ALL, Mutant

HISTORIES = int(os.environ.get("TIDELOCK_HISTORIES", "20000"))
FIRST_SEED = int(os.environ.get("TIDELOCK_SEED", "0"))
SHARDS = 40

pytestmark = pytest.mark.simulation


def _histories(start: int, stop: int) -> Iterator[Result]:
    for seed in range(FIRST_SEED + start, FIRST_SEED + stop):
        yield run(seed)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_promise_is_broken(shard: int) -> None:
    decisions = 0
    for result in _histories(HISTORIES * shard // SHARDS, HISTORIES * (shard + 1) // SHARDS):
        decisions += result.decisions
        if result.violations:
            pytest.fail(
                f"python -m tests.simulation {result.seed} --trace\n" + "\n".join(result.violations[:3])
            )
    assert decisions > 10 * (HISTORIES // SHARDS), "the histories are too empty to mean anything"


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_planted_bug_is_found(mutant: Mutant) -> None:
    with mutant.planted():
        first = min(mutant.first_history, HISTORIES)
        for result in chain(_histories(first, HISTORIES), _histories(0, first)):
            if result.violations:
                print(f"{mutant.name}: found in history {result.seed - FIRST_SEED}: {result.violations[0]}")
                assert not _accident(result.violations[0]), "the plant itself does not work"
                return
    pytest.fail(
        f"'{mutant.name}' ({mutant.breaks}) is not found in {HISTORIES} histories from seed {FIRST_SEED}"
    )


def test_a_seed_reproduces_its_history() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + 20):
        assert run(seed).trace_hash == run(seed, trace=True).trace_hash


def test_a_seed_reproduces_its_history_in_every_process() -> None:
    seeds = [str(FIRST_SEED + i) for i in range(20)]
    outputs = {_replay(seeds, hash_seed) for hash_seed in ("0", "1", "4711")}
    assert len(outputs) == 1


def _replay(seeds: list[str], hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "tests.simulation", *seeds]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def _accident(violation: str) -> bool:
    """Say whether a plant failed for being badly made."""
    return any(f"{name}Error(" in violation for name in ("Type", "Attribute", "Value", "Name", "Unbound"))
