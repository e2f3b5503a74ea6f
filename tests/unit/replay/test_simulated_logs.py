"""Logs of simulated histories, with zombies, lost appends, crashes and forgeries: the verifier raises no false alarm.

Only CHAIN_BROKEN may come up, very rarely: the histories' strangers forge commits in the name of the owner in force.
"""

from __future__ import annotations

from collections import Counter

import pytest

from streams.replay.sources import SourceCheck
from streams.replay.verify import Verification
from tests.simulation import history
from tests.simulation.worker import WHERE
from tests.simulation.world import World

SEEDS = range(40)
NEWEST_LEVEL = 2


@pytest.mark.simulation
def test_sound_histories_leave_sound_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds: list[World] = []

    class Watched(World):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[arg-type]
            worlds.append(self)

    monkeypatch.setattr(history, "World", Watched)
    codes: Counter[str] = Counter()
    decisions = 0
    for seed in SEEDS:
        assert history.run(seed).violations == []
        world = worlds.pop()
        walk = Verification(WHERE, world.vocabulary, NEWEST_LEVEL)
        for stored in world.log.records:
            walk.record(stored)
        report = walk.finish()
        check = SourceCheck(report, walk.sources)
        check.commands(world.commands.records)
        check.finish()
        codes += report.codes
        decisions += report.decisions
    assert decisions > 1000
    assert codes.keys() <= {"CHAIN_BROKEN"}
    assert codes.total() <= 1
