"""Two code versions of a kind. Level 2 introduces one event: level 1 knows neither it nor the rule that decides it.

Vocabularies are kept by level; one whose code fails at random is made anew for its world.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester, Settled, Tick
from streams.domain.kind import KindSpec
from streams.log.records import MAX_COMMIT_BYTES
from streams.log.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tests.simulation.world import World


HUGE = "!" * (MAX_COMMIT_BYTES + 1)
REMEMBERED = 1024
"""So many events, and replies, of each version are decoded only once: they are values."""


class CodeFailure(Exception):
    """A planted exception: kinds may fail anywhere."""


class Versioned:
    """A kind's decider as version `level` of the code has it, failing or bloating now and then."""

    def __init__(
        self, releases: "Releases", level: int, fails: Callable[[], bool], huge_share: float = 0.0
    ) -> None:
        self._decider = releases.kind.decider
        self._newest = releases.newest
        self._level = level
        self._fails = fails
        self._huge_share = huge_share
        self._fuse = 0
        """Counts down with each event folded right after a decision; at its end the fold raises."""

    def initial(self, key: str) -> Any:
        return self._decider.initial(key)

    def decide(self, command: Any, who: Requester, state: Any, context: Context) -> Decision[Any, Any]:
        if self._fails():
            raise CodeFailure
        decision = self._decider.decide(command, who, state, context)
        if min(self._level, context.level) < 2 and any(
            type(event) is self._newest for event in decision.events
        ):
            return Decision((), Rejected("NOT_YET", "what is new comes at level 2"))
        if self._huge_share and not isinstance(command, Tick) and self._is_huge(who):
            return Decision((), Rejected("HUGE", HUGE))
        self._fuse = (len(decision.events) if self._fails() else 0) if decision.events else 0
        return replace(decision, after=None) if self._fuse else decision

    def _is_huge(self, who: Requester) -> bool:
        """Of one command it always holds, however often it is decided."""
        return crc32(f"{who.client} {who.sequence}".encode()) < self._huge_share * 2**32

    def evolve(self, state: Any, event: Any) -> Any:
        if self._fuse:
            self._fuse -= 1
            if not self._fuse:
                raise CodeFailure
        return self._decider.evolve(state, event)

    def next_deadline(self, state: Any) -> LeaseMs | None:
        return self._decider.next_deadline(state)

    def settles(self, event: Any) -> Settled | None:
        return self._decider.settles(event)


class Releases:
    """The code versions of one kind; `newest` is the event that level 2 introduces."""

    def __init__(self, kind: KindSpec, newest: type) -> None:
        self.kind = kind
        self.newest = newest
        self._healthy = {level: self._made(level) for level in (1, 2)}

    def _made(self, level: int) -> Vocabulary:
        events = tuple(event for event in self.kind.events if level > 1 or event is not self.newest)
        decider = Versioned(self, level, lambda: False)
        vocabulary = Vocabulary(replace(self.kind, decider=decider, events=events))
        # each is read again by the judge, the owners that take over, and whoever tails the log
        vocabulary.decode_event = lru_cache(REMEMBERED)(vocabulary.decode_event)
        vocabulary.decode_reply = lru_cache(REMEMBERED)(vocabulary.decode_reply)
        return vocabulary

    def vocabulary(self, level: int, world: "World | None" = None) -> Vocabulary:
        """Return the vocabulary of code version `level`; in a `world`, one whose decider suffers its faults."""
        healthy = self._healthy[level]
        if world is None or not (world.faults.p_code_failure or world.faults.p_huge_decision):
            return healthy
        faults, hit = world.faults, world.broker.hit
        decider = Versioned(self, level, lambda: hit(faults.p_code_failure), faults.p_huge_decision)
        broken = object.__new__(Vocabulary)
        broken.__dict__.update(healthy.__dict__)
        broken.kind = replace(healthy.kind, decider=decider)
        return broken
