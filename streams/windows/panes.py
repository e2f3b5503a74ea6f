"""The states of open windows: how many there may be, which of them changed, how each is stored."""

import json
from collections import Counter
from dataclasses import dataclass

from streams.windows.clock import Clock
from streams.windows.combined import Aggregates, States
from streams.windows.definition import SHARE, Windows
from streams.windows.errors import WrongState
from streams.windows.taken import OTHER, Key, Slot


@dataclass(slots=True, eq=False)
class Pane:
    """The states of one window, or of one slice that several windows share."""

    key: Key
    start: int
    states: States
    mark: int = 0
    """Of a session the time of its last event; of a global window how many events came; else 0."""
    fresh: bool = False
    """It changed since it was told early."""
    told: bool = False
    """A session that was told, early or finally."""
    final: bool = False
    """A session whose final result was told."""
    touched: bool = False
    stored: bool = False


class Panes:
    """All panes of one partition."""

    __slots__ = (
        "_clock", "_definition", "_early", "_of", "_other", "_others", "_touched", "aggregates", "fresh", "open"
    )  # fmt: skip

    def __init__(self, definition: Windows, clock: Clock) -> None:
        self._definition, self._clock = definition, clock
        self.aggregates: Aggregates = definition.aggregates
        self._early = definition.early_ms is not None
        self._touched: dict[Slot, Pane | None] = {}
        self.fresh: dict[Slot, Pane] = {}
        """What is to be told early."""
        self.open = 0
        self._other = 0
        """Of `OTHER` alone."""
        self._others = 0
        """Of a first part and `OTHER`, where it is shared."""
        self._of: Counter[object] = Counter()
        """By first part, all else, where it is shared."""

    def admit(self, key: Key) -> Key | None:
        """Return under what key a new pane of `key` may be opened; None: under none."""
        definition, other = self._definition, (OTHER,) * len(key)
        if key == other:
            return key if self._other < definition.max_other else None
        if not definition.shared:
            return key if self.open - self._other < definition.max_open else other
        mine = (key[0], *other[1:])
        if key == mine:
            return key if self._others < definition.max_other else other
        free = definition.max_open - self.open + self._other + self._others
        return key if self._of[key[0]] < SHARE * free else mine

    def _count(self, key: Key, by: int) -> None:
        self.open += by
        if key == (OTHER,) * len(key):
            self._other += by
        elif self._definition.shared:
            if key[1:] == (OTHER,) * (len(key) - 1):
                self._others += by
            else:
                self._of[key[0]] += by
                if not self._of[key[0]]:
                    del self._of[key[0]]

    def insert(self, pane: Pane) -> None:
        """Count a new pane."""
        self._count(pane.key, 1)
        if pane.fresh:
            self.fresh[pane.key, pane.start] = pane

    def touch(self, pane: Pane) -> None:
        """Note that events were counted in a pane."""
        pane.touched = True
        slot = pane.key, pane.start
        self._touched[slot] = pane
        if self._early:
            pane.fresh = True
            self.fresh[slot] = pane

    def save(self, pane: Pane) -> None:
        """Note that a pane is to be stored anew, though no event was counted; the next event touches it."""
        pane.touched = False
        self._touched[pane.key, pane.start] = pane

    def drop(self, pane: Pane) -> None:
        """Forget a pane."""
        slot = pane.key, pane.start
        self._count(pane.key, -1)
        self.fresh.pop(slot, None)
        if pane.stored:
            self._touched[slot] = None
        else:
            self._touched.pop(slot, None)

    def take(self) -> dict[Slot, str | None]:
        """Return what to store since the last call."""
        states: dict[Slot, str | None] = {}
        for slot, pane in self._touched.items():
            if pane is None:
                states[slot] = None
                continue
            pane.touched, pane.stored = False, True
            flags = pane.fresh + 2 * pane.told + 4 * pane.final
            states[slot] = f"[{flags},{pane.mark},{self.aggregates.dumps(pane.states)}]"
        self._touched = {}
        return states

    def restored(self, slot: Slot, text: str) -> Pane:
        """Return the pane that `take` wrote. Raises `WrongState`."""
        (key, start) = slot
        try:
            flags, mark, *plain = json.loads(text)
            states = self.aggregates.loads(plain)
        except (ValueError, TypeError, KeyError) as error:
            raise WrongState(f"the state of {key} at {start} cannot be read ({error})") from error
        fresh, was_told, final = (bool(flags & bit) for bit in (1, 2, 4))
        return Pane(key, start, states, mark, fresh, was_told, final, stored=True)
