"""No false abort and no missed deadlock; every planted bug of the detector found; a seed reproduces its history.

`TIDELOCK_HISTORIES` sets how many (a fiftieth of them), `TIDELOCK_SEED` where seeds start. A failure names the seed;
replay it with `python -m tests.simulation.deadlocks SEED --trace` (a planted bug's with `--mutant NAME`).
"""

from itertools import chain

import pytest

from tests.simulation.deadlocks.history import run
from tests.simulation.deadlocks.mutants import MUTANTS
from tests.simulation.mutants import Mutant
from tests.simulation.test_simulation import FIRST_SEED, HISTORIES, _accident

SHARE = 50
SHARDS = 8
DEADLOCKS = HISTORIES // SHARE
PLANTED = HISTORIES // 5
"""How far a planted bug is looked for."""

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_false_abort_and_no_missed_deadlock(shard: int) -> None:
    aborts = 0
    for number in range(DEADLOCKS * shard // SHARDS, DEADLOCKS * (shard + 1) // SHARDS):
        result = run(FIRST_SEED + number)
        aborts += result.aborts
        if result.violations:
            pytest.fail(
                f"python -m tests.simulation.deadlocks {result.seed} --trace\n"
                + "\n".join(result.violations[:3])
            )
    assert aborts >= DEADLOCKS // SHARDS // 4, "the histories have too few deadlocks to mean anything"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bug_is_found(mutant: Mutant) -> None:
    with mutant.planted():
        first = min(mutant.first_history, PLANTED)
        for number in chain(range(first, PLANTED), range(first)):
            result = run(FIRST_SEED + number)
            if result.violations:
                print(f"{mutant.name}: found in history {number}: {result.violations[0]}")
                assert not _accident(result.violations[0]), "the plant itself does not work"
                return
    pytest.fail(
        f"'{mutant.name}' ({mutant.breaks}) is not found in {PLANTED} histories from seed {FIRST_SEED}"
    )


def test_a_seed_reproduces_its_history() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + 10):
        assert run(seed).trace_hash == run(seed, trace=True).trace_hash
