"""No stale strict read, one owner, one filler; every planted bug found; a seed reproduces its history.

`TIDELOCK_HISTORIES` sets how many (a hundredth of them), `TIDELOCK_SEED` where seeds start. A failure names the seed;
replay it with `python -m tests.simulation.caches SEED --trace` (a planted bug's with `--mutant NAME`).
"""

import pytest

from tests.simulation.caches.history import run, run_with_nodes
from tests.simulation.caches.mutants import MUTANTS, lossy
from tests.simulation.hunting import HISTORIES, find, reproduce, slice_of, without_violations
from tests.simulation.mutants import Mutant

SHARE = 200
SHARDS = 4
CACHES = HISTORIES // SHARE
WITH_NODES = HISTORIES // 4_000
PLANTED = max(2_000, HISTORIES // 10)
"""How far a planted bug is looked for; where to begin its hint says."""

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_strict_read_is_stale_and_nobody_owns_what_another_has(shard: int) -> None:
    histories = without_violations(run, slice_of(CACHES, shard, SHARDS), "tests.simulation.caches")
    decisions = sum(result.decisions for result in histories)
    assert decisions > 50 * (CACHES // SHARDS), "the histories are too empty to mean anything"


def test_lines_of_dead_nodes_end_and_no_read_of_the_living_is_stale() -> None:
    histories = without_violations(run_with_nodes, range(WITH_NODES), "tests.simulation.caches")
    assert sum(result.decisions for result in histories) > 100 * WITH_NODES


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bug_is_found(mutant: Mutant) -> None:
    find(mutant, run, PLANTED)


def test_calls_that_are_not_told_are_missed_and_do_no_harm() -> None:
    """Half of a planted bug: the directory loses calls, and the client, which sees the gaps, joins anew."""
    lost: list[object] = []
    with Mutant("lossy", "not all calls are told", lambda: lossy(lost)).planted():
        for _ in without_violations(run, range(4), "tests.simulation.caches"):
            pass
    assert lost


def test_a_seed_reproduces_its_history() -> None:
    reproduce(run, 2)
