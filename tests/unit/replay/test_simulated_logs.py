"""Logs of simulated histories, with zombies, lost appends, crashes and forgeries: the verifier raises no false alarm,
and a lock rewound to any of their records is what its partition's fold holds there.

Only CHAIN_BROKEN may come up, very rarely: the histories' strangers forge commits in the name of the owner in force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from types import ModuleType

import pytest

from streams.log.accepted import AcceptedCommit
from streams.log.reader import PartitionReader
from streams.log.vocabulary import Vocabulary
from streams.replay.locks.chronicle import LockChronicle
from streams.replay.moment import AtEnd, Walk
from streams.replay.sources import SourceCheck
from streams.replay.verify import Verification
from tests.simulation import history
from tests.simulation.caches import history as caches
from tests.simulation.history import Result
from tests.simulation.locks.subject import WHERE
from tests.simulation.together import history as together
from tests.simulation.world import World

SEEDS = range(40)
NEWEST_LEVEL = 2


def _worlds(run: Callable[[int], Result], seeds: Iterable[int]) -> list[World]:
    """Return sound histories, with the logs they left."""
    kept: list[World] = []

    class Watched(World):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[arg-type]
            kept.append(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(history, "World", Watched)
        for seed in seeds:
            assert run(seed).violations == []
    return kept


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return _worlds(history.run, SEEDS)


@pytest.mark.simulation
def test_sound_histories_leave_sound_logs(worlds: list[World]) -> None:
    codes: Counter[str] = Counter()
    decisions = 0
    for world in worlds:
        locks = world.partitions[WHERE]
        walk = Verification(WHERE, locks.vocabulary, NEWEST_LEVEL)
        for stored in locks.log.records:
            walk.record(stored)
        report = walk.finish()
        check = SourceCheck(report, walk.sources)
        check.commands(locks.commands.records)
        check.finish()
        codes += report.codes
        decisions += report.decisions
    assert decisions > 1000
    assert codes.keys() <= {"CHAIN_BROKEN"}
    assert codes.total() <= 1


@pytest.mark.simulation
@pytest.mark.parametrize("histories", [together, caches], ids=["nodes, locks and queues", "caches"])
def test_histories_of_other_kinds_leave_sound_logs(histories: ModuleType) -> None:
    decisions, codes = 0, Counter[str]()
    for world in _worlds(histories.run, range(4)):
        for where, partition in world.partitions.items():
            walk = Verification(where, partition.vocabulary, NEWEST_LEVEL)
            for stored in partition.log.records:
                walk.record(stored)
            report = walk.finish()
            decisions += report.decisions
            codes += report.codes
    assert decisions > 1000
    assert codes.keys() <= {"CHAIN_BROKEN"}
    assert codes.total() <= 1


class Chronicles:
    """One chronicle for each key that the log names."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.of: dict[str, LockChronicle] = {}

    def commit(self, accepted: AcceptedCommit) -> None:
        for decision in accepted.commit.decisions:
            if decision.key not in self.of:
                self.of[decision.key] = LockChronicle(decision.key, self.words)
        for chronicle in self.of.values():
            chronicle.commit(accepted)


@pytest.mark.simulation
def test_a_lock_rewound_anywhere_is_what_the_fold_holds(worlds: list[World]) -> None:
    held = voids = 0
    for world in worlds:
        locks = world.partitions[WHERE]
        words = locks.vocabulary
        chronicles, fold = Chronicles(words), PartitionReader(WHERE, words, NEWEST_LEVEL)
        walk = Walk(WHERE, words, AtEnd(), chronicles.commit, NEWEST_LEVEL)
        for stored in locks.log.records:
            walk.take(stored)
            fold.read(stored.offset, stored.value)
            for key, chronicle in chronicles.of.items():
                assert chronicle.at().lock == fold.state.state_of(key)
            held += len(fold.state.keys)
        moment = walk.arrived()
        assert (moment.head, moment.commits, dict(moment.voids)) == (
            fold.head.head,
            fold.head.n,
            dict(fold.voids),
        )
        voids += fold.voids.total()
    assert held > 1000
    assert voids > 10
