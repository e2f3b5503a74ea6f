"""No false abort and no missed deadlock; every planted bug of the detector found; a seed reproduces its history.

`TIDELOCK_HISTORIES` sets how many (a fiftieth of them), `TIDELOCK_SEED` where seeds start. A failure names the seed;
replay it with `python -m tests.simulation.deadlocks SEED --trace` (a planted bug's with `--mutant NAME`).
"""

import pytest

from tests.simulation.deadlocks.history import run
from tests.simulation.deadlocks.mutants import MUTANTS
from tests.simulation.hunting import HISTORIES, find, reproduce, slice_of, without_violations
from tests.simulation.mutants import Mutant

SHARE = 50
SHARDS = 8
DEADLOCKS = HISTORIES // SHARE
PLANTED = HISTORIES // 5
"""How far a planted bug is looked for."""

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_false_abort_and_no_missed_deadlock(shard: int) -> None:
    histories = without_violations(run, slice_of(DEADLOCKS, shard, SHARDS), "tests.simulation.deadlocks")
    aborts = sum(result.aborts for result in histories)
    assert aborts >= DEADLOCKS // SHARDS // 4, "the histories have too few deadlocks to mean anything"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bug_is_found(mutant: Mutant) -> None:
    find(mutant, run, PLANTED)


def test_a_seed_reproduces_its_history() -> None:
    reproduce(run, 10)
