"""Two code versions of the locks kind. Level 2 introduces the downgrade: level 1 knows neither rule nor event.

Vocabularies are cached by level; one whose code fails at random is made anew for its world.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester, Settled
from streams.domain.locks import decider as locks
from streams.domain.locks.events import LockDowngraded
from streams.domain.locks.kind import LOCKS
from streams.log.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tests.simulation.world import World


class CodeFailure(Exception):
    """A planted exception: kinds may fail anywhere."""


class Versioned:
    """The locks decider as version `level` of the code has it, failing now and then."""

    def __init__(self, level: int, fails: Callable[[], bool]) -> None:
        self._level = level
        self._fails = fails
        self._fuse = 0
        """Counts down with each event folded right after a decision; at its end the fold raises."""

    def initial(self, key: str) -> Any:
        return locks.initial(key)

    def decide(self, command: Any, who: Requester, state: Any, context: Context) -> Decision[Any, Any]:
        if self._fails():
            raise CodeFailure
        decision = locks.decide(command, who, state, context)
        if min(self._level, context.level) < 2 and any(
            type(event) is LockDowngraded for event in decision.events
        ):
            return Decision((), Rejected("NOT_YET", "downgrades come with level 2"))
        self._fuse = (len(decision.events) if self._fails() else 0) if decision.events else 0
        return decision

    def evolve(self, state: Any, event: Any) -> Any:
        if self._fuse:
            self._fuse -= 1
            if not self._fuse:
                raise CodeFailure
        return locks.evolve(state, event)

    def next_deadline(self, state: Any) -> LeaseMs | None:
        return locks.next_deadline(state)

    def settles(self, event: Any) -> Settled | None:
        return locks.settles(event)


@cache
def _healthy(level: int) -> Vocabulary:
    return _vocabulary(level, lambda: False)


def _vocabulary(level: int, fails: Callable[[], bool]) -> Vocabulary:
    events = LOCKS.events if level > 1 else tuple(e for e in LOCKS.events if e is not LockDowngraded)
    return Vocabulary(replace(LOCKS, decider=Versioned(level, fails), events=events))


class _Dice:
    """Fails with the world's current probability."""

    def __init__(self, world: "World", random: Random) -> None:
        self._world = world
        self._random = random

    def __call__(self) -> bool:
        rate = self._world.faults.p_code_failure
        return rate > 0.0 and self._random.random() < rate


def vocabulary_of(level: int, failing: float = 0.0, world: "World | None" = None) -> Vocabulary:
    """Return the vocabulary of code version `level`; with `failing`, one whose decider raises now and then."""
    if not failing or world is None:
        return _healthy(level)
    healthy = _healthy(level)
    broken = object.__new__(Vocabulary)
    broken.__dict__.update(healthy.__dict__)
    broken.kind = replace(healthy.kind, decider=Versioned(level, _Dice(world, world.random)))
    return broken
