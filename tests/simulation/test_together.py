"""All kinds together: what a dead node held comes free everywhere, and nothing of its next session; every planted bug.

`TIDELOCK_HISTORIES` sets how many (one of `SHARE` of them), `TIDELOCK_SEED` where seeds start. A failure names the
seed; replay it with `python -m tests.simulation.together SEED --trace` (a planted bug's with `--mutant NAME`). All
20,000, which takes hours: `python -m tests.simulation.together --histories 20000`.
"""

import pytest

from tests.simulation.hunting import HISTORIES, find, reproduce, slice_of, without_violations
from tests.simulation.mutants import Mutant
from tests.simulation.together.history import run
from tests.simulation.together.mutants import MUTANTS

SHARE = 500
SHARDS = 4
TOGETHER = HISTORIES // SHARE
PLANTED = max(400, TOGETHER)
"""How far a planted bug is looked for; where to begin its hint says."""

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_a_dead_node_held_comes_free_and_nothing_else(shard: int) -> None:
    histories = without_violations(run, slice_of(TOGETHER, shard, SHARDS), "tests.simulation.together")
    decisions = sum(result.decisions for result in histories)
    assert decisions > 100 * (TOGETHER // SHARDS), "the histories are too empty to mean anything"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bug_is_found(mutant: Mutant) -> None:
    find(mutant, run, PLANTED)


def test_a_seed_reproduces_its_history() -> None:
    reproduce(run, 3)
