"""No message lost, none worked on twice, groups in order; every planted bug found; a seed reproduces its history.

`TIDELOCK_HISTORIES` sets how many (a hundredth of them), `TIDELOCK_SEED` where seeds start. A failure names the seed;
replay it with `python -m tests.simulation.queues SEED --trace` (a planted bug's with `--mutant NAME`).
"""

from itertools import chain

import pytest

from tests.simulation.mutants import Mutant
from tests.simulation.queues.history import run
from tests.simulation.queues.mutants import MUTANTS
from tests.simulation.test_simulation import FIRST_SEED, HISTORIES, _accident

SHARE = 100
SHARDS = 8
QUEUES = HISTORIES // SHARE
PLANTED = HISTORIES // 10
"""How far a planted bug is looked for."""

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_message_is_lost_nor_worked_on_twice(shard: int) -> None:
    decisions = 0
    for number in range(QUEUES * shard // SHARDS, QUEUES * (shard + 1) // SHARDS):
        result = run(FIRST_SEED + number)
        decisions += result.decisions
        if result.violations:
            pytest.fail(
                f"python -m tests.simulation.queues {result.seed} --trace\n"
                + "\n".join(result.violations[:3])
            )
    assert decisions > 50 * (QUEUES // SHARDS), "the histories are too empty to mean anything"


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
    for seed in range(FIRST_SEED, FIRST_SEED + 5):
        assert run(seed).trace_hash == run(seed, trace=True).trace_hash
