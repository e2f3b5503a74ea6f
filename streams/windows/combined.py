"""Several named aggregates over one stream: what one window holds.

An event counts in all of them or in none: whatever may raise is done before anything changes.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from streams.windows.aggregates import Aggregate
from streams.windows.errors import WrongWindows
from streams.windows.monoid import Broken, Monoid, told

States: TypeAlias = list[Any]
"""One state an aggregate, in their order."""


class Aggregates:
    """The named aggregates of a window."""

    def __init__(self, **named: Aggregate) -> None:
        if not named:
            raise WrongWindows("A window of no aggregates: name at least one, such as count=Count().")
        self._named = named
        self._all = list(named.values())
        self._dumps = [each.dumps for each in self._all]
        self._pieces = [each.piece for each in self._all]
        self._adds = [
            (place, each.add) for place, each in enumerate(self._all) if not isinstance(each, Monoid)
        ]
        self._monoids = [(place, each) for place, each in enumerate(self._all) if isinstance(each, Monoid)]
        self._alone = self._dumps[0] if len(self._all) == 1 and not self._monoids else None
        """Most windows have a single aggregate: its text is all."""

    def zero(self) -> States:
        """Return the states of no events."""
        return [each.zero() for each in self._all]

    def add(self, states: States, value: Any) -> None:
        """Count an event's value in `states`. May raise whatever `of` and monoids raise; nothing has changed then."""
        pieces = [piece(value) for piece in self._pieces]
        fresh = self._fresh(states, pieces) if self._monoids else ()
        for place, add in self._adds:
            piece = pieces[place]
            if piece is not None:
                states[place] = add(states[place], piece)
        for place, state in fresh:
            states[place] = state

    @property
    def adder(self) -> Callable[[States, Any], None]:
        """`add`, in a form of its own for the single aggregate that most windows have: half the time."""
        if len(self._all) > 1 or self._monoids:
            return self.add
        (only,) = self._all
        return only.adder

    def merge(self, states: States, *others: States) -> None:
        """Count all of `others` in `states`. May raise what monoids raise; nothing has changed then."""
        fresh: list[tuple[int, Any]] = []
        for place, monoid in self._monoids:
            merged = states[place]
            for other in others:
                merged = monoid.merge(merged, other[place])
            fresh.append((place, merged))
        for place, _ in self._adds:
            for other in others:
                states[place] = self._all[place].merge(states[place], other[place])
        for place, merged in fresh:
            states[place] = merged

    def merged(self, parts: Sequence[States]) -> States:
        """Return what at least one part make together. A monoid that raises is `Broken` in it."""
        if len(parts) == 1:
            return parts[0]
        states = self.zero()
        for part in parts:
            for place, each in enumerate(self._all):
                states[place] = _merged(each, states[place], part[place])
        return states

    def results(self, states: States) -> tuple[dict[str, Any], dict[str, str]]:
        """Return results, and errors in place of those that could not be told, by name."""
        results: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for (name, each), state in zip(self._named.items(), states, strict=True):
            if isinstance(state, Broken):
                errors[name] = state.error
                continue
            try:
                results[name] = each.result(state)
            except Exception as error:  # somebody's own code
                errors[name] = told(error)
        return results, errors

    def dumps(self, states: States) -> str:
        """Return the states as JSON, without the brackets around them."""
        if self._alone is not None:
            return self._alone(states[0])
        texts = [dumps(state) for dumps, state in zip(self._dumps, states, strict=True)]
        for place, monoid in self._monoids:
            states[place] = monoid.kept(states[place], texts[place])
        return ",".join(texts)

    def loads(self, plain: Sequence[Any]) -> States:
        """Return the states of what JSON made of `dumps`, in brackets."""
        return [each.loads(state) for each, state in zip(self._all, plain, strict=True)]

    def _fresh(self, states: States, pieces: Sequence[Any]) -> Sequence[tuple[int, Any]]:
        return [
            (place, each.add(states[place], pieces[place]))
            for place, each in self._monoids
            if pieces[place] is not None
        ]

    def __repr__(self) -> str:
        return ", ".join(f"{name}={each}" for name, each in self._named.items())


def _merged(aggregate: Aggregate, state: Any, other: Any) -> Any:
    try:
        return aggregate.merge(state, other)
    except Exception as error:  # somebody's own code: what is built in does not raise
        return Broken(told(error))
