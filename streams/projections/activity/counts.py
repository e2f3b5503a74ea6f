"""What one window of activity holds: one aggregate of all that is counted, for that costs a third of eleven.

A commutative monoid like those of `streams.windows.aggregates`, made of their parts.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from streams.projections.activity.fact import NOTHING, Fact
from streams.windows.aggregates import MAX_ITEM_CHARS, Aggregate, encode
from streams.windows.distinct import Distinct, hash_of, of_plain
from streams.windows.frequent import Frequent
from streams.windows.frequent import of_plain as frequent_of
from streams.windows.sketch import Sketch

TOP: Final = 10
COUNTERS: Final = 8 * TOP
"""Names that a list of the most frequent counts exactly."""
_hash_of = lru_cache(maxsize=8192)(hash_of)


class Counts:
    """Of one name."""

    __slots__ = ("commands", "events", "holds", "rejected", "waits")

    def __init__(self) -> None:
        self.commands = self.rejected = 0
        self.events: dict[str, int] = {}
        self.waits, self.holds = Sketch(), Sketch()

    def add(self, fact: Fact) -> None:
        """Count a fact."""
        _, client, refusal, events, ended = fact
        if client is not None:
            self.commands += 1
        if refusal is not None:
            self.rejected += 1
        if events is not None:
            mine = self.events
            for event, count in events.items():
                mine[event] = mine.get(event, 0) + count
        if ended is not NOTHING:
            for wait_ms in ended.waits:
                self.waits.add(wait_ms)
            for hold_ms in ended.holds:
                self.holds.add(hold_ms)

    def merge(self, other: Any) -> None:
        """Count all that `other` counted."""
        self.commands += other.commands
        self.rejected += other.rejected
        for event, count in other.events.items():
            self.events[event] = self.events.get(event, 0) + count
        self.waits.merge(other.waits)
        self.holds.merge(other.holds)

    def result(self) -> dict[str, Any]:
        """Return what is told."""
        return {
            "commands": self.commands,
            "rejected": self.rejected,
            "events": sorted(self.events.items(), key=lambda each: (-each[1], each[0])),
            "waits": _lasted(self.waits),
            "holds": _lasted(self.holds),
        }

    def plain(self) -> list[Any]:
        """Return it in JSON's types."""
        return [
            self.commands, self.rejected, sorted(self.events.items()),
            sorted(self.waits.buckets.items()), sorted(self.holds.buckets.items()),
        ]  # fmt: skip

    def restore(self, plain: list[Any]) -> None:
        """Be as `plain` wrote."""
        self.commands, self.rejected = plain[:2]
        self.events = dict(plain[2])
        self.waits, self.holds = Sketch(dict(plain[3])), Sketch(dict(plain[4]))


class WholeCounts(Counts):
    """Of a tenant: also who, and what most."""

    __slots__ = ("busiest", "clients", "contended", "refusals")

    def __init__(self) -> None:
        super().__init__()
        self.clients = Distinct()
        self.busiest, self.contended, self.refusals = (Frequent(COUNTERS) for _ in range(3))

    def add(self, fact: Fact) -> None:
        """Count a fact."""
        Counts.add(self, fact)
        name, client, refusal, _, ended = fact
        if client is not None:
            self.busiest.add(name[:MAX_ITEM_CHARS])
            self.clients.add(_hash_of(client))
        if refusal is not None:
            self.refusals.add(refusal)
        if ended.contended:
            for _ in range(ended.contended):
                self.contended.add(name[:MAX_ITEM_CHARS])

    def merge(self, other: Any) -> None:
        """Count all that `other` counted."""
        super().merge(other)
        self.clients.merge(other.clients)
        self.busiest.merge(other.busiest)
        self.contended.merge(other.contended)
        self.refusals.merge(other.refusals)

    def result(self) -> dict[str, Any]:
        """Return what is told."""
        return super().result() | {
            "clients": self.clients.count,
            "busiest": self.busiest.top(TOP),
            "contended": self.contended.top(TOP),
            "refusals": self.refusals.top(TOP),
        }

    def plain(self) -> list[Any]:
        """Return it in JSON's types."""
        frequent = (self.busiest.plain(), self.contended.plain(), self.refusals.plain())
        return [*super().plain(), self.clients.plain(), *frequent]

    def restore(self, plain: list[Any]) -> None:
        """Be as `plain` wrote."""
        super().restore(plain)
        self.clients = of_plain(plain[5])
        self.busiest, self.contended, self.refusals = (frequent_of(COUNTERS, each) for each in plain[6:])


class Happened(Aggregate):
    """`Counts` of each window, of whichever class."""

    def __init__(self, counts: type[Counts]) -> None:
        self._counts = counts
        super().__init__()

    def zero(self) -> Counts:
        """Return nothing."""
        return self._counts()

    def lift(self, value: Fact) -> Fact:
        """Return it."""
        return value

    def add(self, state: Counts, piece: Fact) -> Counts:
        """Count a fact."""
        state.add(piece)
        return state

    @property
    def adder(self) -> Callable[[list[Any], Any], None]:
        """What counts a fact in the first of some states, in one call."""
        add = self._counts.add
        return lambda states, fact: add(states[0], fact)

    def merge(self, state: Counts, other: Counts) -> Counts:
        """Count all that `other` counted."""
        state.merge(other)
        return state

    def result(self, state: Counts) -> Mapping[str, Any]:
        """Return what is told."""
        return state.result()

    def dumps(self, state: Counts) -> str:
        """Return all of it."""
        return encode(state.plain())

    def loads(self, plain: Any) -> Counts:
        """Return the counts."""
        made = self._counts()
        made.restore(plain)
        return made

    def __repr__(self) -> str:
        return self._counts.__name__


def _lasted(sketch: Sketch) -> tuple[Any, ...]:
    return (sketch.count, *sketch.quantiles(500, 950, 990))
