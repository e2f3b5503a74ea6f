"""What every simulation must do: keep its promises in all histories, find its planted bugs, reproduce a seed."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol, TypeVar

import pytest

from tests.simulation.mutants.mutant import Mutant

HISTORIES = int(os.environ.get("TIDELOCK_HISTORIES", "20000"))
FIRST_SEED = int(os.environ.get("TIDELOCK_SEED", "0"))


class History(Protocol):
    """How a history went."""

    seed: int
    violations: list[str]
    trace_hash: str
    trace: list[str]

    @property
    def summary(self) -> str:
        """In a line, for people."""


H_co = TypeVar("H_co", bound=History, covariant=True)


class Run(Protocol[H_co]):
    """Runs the history of a seed."""

    def __call__(self, seed: int, *, trace: bool = False) -> H_co: ...


def slice_of(histories: int, shard: int, shards: int) -> range:
    """Return the numbers of one shard's histories."""
    return range(histories * shard // shards, histories * (shard + 1) // shards)


def without_violations(run: Run[H_co], numbers: Sequence[int], program: str) -> Iterator[H_co]:
    """Yield these histories; fail at the first that broke a promise, with the command that replays it."""
    for number in numbers:
        result = run(FIRST_SEED + number)
        if result.violations:
            pytest.fail(f"python -m {program} {result.seed} --trace\n" + "\n".join(result.violations[:3]))
        yield result


def find(mutant: Mutant, run: Run[History], histories: int) -> None:
    """Plant a bug, and fail unless one of so many histories shows it; its hint says where to begin."""
    with mutant.planted():
        first = min(mutant.first_history, histories)
        for number in chain(range(first, histories), range(first)):
            result = run(FIRST_SEED + number)
            if result.violations:
                print(f"{mutant.name}: found in history {number}: {result.violations[0]}")
                assert not _accident(result.violations[0]), "the plant itself does not work"
                return
    pytest.fail(
        f"'{mutant.name}' ({mutant.breaks}) is not found in {histories} histories from seed {FIRST_SEED}"
    )


def reproduce(run: Run[History], seeds: int) -> None:
    """Run the first seeds twice, with and without a trace, and compare."""
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        assert run(seed).trace_hash == run(seed, trace=True).trace_hash, f"seed {seed}"


def _accident(violation: str) -> bool:
    """Say whether a plant failed for being badly made."""
    return any(f"{name}Error(" in violation for name in ("Type", "Attribute", "Value", "Name", "Unbound"))
