"""The command line of the simulations: many histories on many cores, and how to run one of them alone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.simulation.mutants.mutant import Mutant
from tests.simulation.pool import in_order
from tests.simulation.replay import replay

BROKEN = 11


@dataclass
class Told:
    """A history that only says who ran it."""

    seed: int
    violations: list[str]
    trace_hash: str = "0" * 64
    trace: list[str] = field(default_factory=list)
    process: int = 0

    @property
    def summary(self) -> str:
        return "nothing"


class Rule:
    """Breaks a promise in one history; a planted bug breaks it in others."""

    def breaks(self, seed: int) -> bool:
        return seed == BROKEN


RULE = Rule()
MUTANT = Mutant("early", "breaks from 7 on", lambda: [(Rule, "breaks", lambda self, seed: seed >= 7)])
BLUNT = Mutant("blunt", "breaks nothing", lambda: [(Rule, "breaks", lambda self, seed: False)])


def run(seed: int, *, trace: bool = False) -> Told:
    return Told(seed, ["it broke"] if RULE.breaks(seed) else [], process=os.getpid())


def raises(seed: int) -> Told:
    raise ValueError("no history")


def program(*arguments: str, mutants: Sequence[Mutant] = (MUTANT,)) -> int:
    return replay("tests.simulation.fake", run, mutants, list(arguments))


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_broken_promise_is_told_with_the_command_that_replays_it(
    jobs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("--histories", "40", "--jobs", jobs) == 1
    assert capsys.readouterr().out.splitlines() == [
        "seed 11: nothing, trace 0000000000000000",
        "VIOLATION it broke",
        "REPLAY python -m tests.simulation.fake 11 --trace",
        "40 histories, 1 of them broke a promise",
    ]


def test_histories_begin_at_the_seed_that_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert program("12", "--histories", "250", "--jobs", "2") == 0
    assert capsys.readouterr().out.splitlines() == [
        "100 histories, 0 of them broke a promise",
        "200 histories, 0 of them broke a promise",
        "250 histories, 0 of them broke a promise",
    ]


def test_histories_come_in_order_from_processes_of_their_own() -> None:
    told = list(in_order(run, range(30), 2))
    assert [each.seed for each in told] == list(range(30))
    assert os.getpid() not in {each.process for each in told}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_planted_bug_is_in_every_process(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program("--mutants", "20", "--jobs", jobs, mutants=(MUTANT, BLUNT)) == 1
    assert capsys.readouterr().out.split() == ["early", "7", "blunt", "NOT", "FOUND"]


def test_many_histories_may_run_with_a_planted_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert program("6", "--histories", "2", "--mutant", "early", "--jobs", "2") == 1
    assert "REPLAY python -m tests.simulation.fake 7 --trace --mutant 'early'" in capsys.readouterr().out


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_goes_wrong_in_a_history_tells_its_seed(jobs: int) -> None:
    with pytest.raises(ValueError, match="no history") as failed:
        list(in_order(raises, range(5, 8), jobs))
    assert "in the history of seed 5" in failed.value.__notes__


def test_no_jobs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program("--histories", "1", "--jobs", "0")
    assert "give at least 1" in capsys.readouterr().err
