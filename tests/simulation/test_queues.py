"""No message lost, none worked on twice, groups in order; every planted bug found; a seed reproduces its history.

`TIDELOCK_HISTORIES` sets how many (a hundredth of them), `TIDELOCK_SEED` where seeds start. A failure names the seed;
replay it with `python -m tests.simulation.queues SEED --trace` (a planted bug's with `--mutant NAME`).
"""

import pytest

from tests.simulation.hunting import HISTORIES, find, reproduce, slice_of, without_violations
from tests.simulation.mutants import Mutant
from tests.simulation.queues.history import run
from tests.simulation.queues.mutants import MUTANTS

SHARE = 100
SHARDS = 8
QUEUES = HISTORIES // SHARE
PLANTED = max(2_000, HISTORIES // 10)
"""How far a planted bug is looked for; where to begin its hint says."""

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_message_is_lost_nor_worked_on_twice(shard: int) -> None:
    histories = without_violations(run, slice_of(QUEUES, shard, SHARDS), "tests.simulation.queues")
    decisions = sum(result.decisions for result in histories)
    assert decisions > 50 * (QUEUES // SHARDS), "the histories are too empty to mean anything"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bug_is_found(mutant: Mutant) -> None:
    find(mutant, run, PLANTED)


def test_a_seed_reproduces_its_history() -> None:
    reproduce(run, 5)
