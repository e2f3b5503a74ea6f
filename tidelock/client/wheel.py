"""Many deadlines, one timer: a wheel of coarse slots. Adding, moving and removing cost a dictionary access.

A heap with lazy deletion would keep every lock released within a third of its ttl: at 18,000 pairs a second
and 30 s, 180,000 dead entries.
"""

from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Generic, TypeVar

from tidelock.client.clock import Clock, Timer

_T = TypeVar("_T", bound=Hashable)
MAX_SLEEP_S = 1.0
"""The loop's timers stand still while the machine sleeps, the clock does not; so look this often."""


class Wheel(Generic[_T]):
    """Calls `due(item)` for each item once its time has come: at its time or up to one slot later."""

    def __init__(self, clock: Clock, slot_s: float, due: Callable[[_T], None]) -> None:
        self._clock = clock
        self._slot_s = slot_s
        self._due = due
        self._slots: dict[int, dict[_T, None]] = {}
        self._order: list[int] = []
        self._place: dict[_T, int] = {}
        self._timer: Timer | None = None
        self._armed_for = 0.0

    def __len__(self) -> int:
        return len(self._place)

    def add(self, item: _T, when: float) -> None:
        """Let `item` be due at `when`, and no longer at the time it was given before."""
        slot = int(when / self._slot_s) + 1
        before = self._place.get(item)
        if before is not None:
            if before == slot:
                return
            del self._slots[before][item]
        self._place[item] = slot
        items = self._slots.get(slot)
        if items is None:
            self._slots[slot] = {item: None}
            heappush(self._order, slot)
            self._arm()
        else:
            items[item] = None

    def remove(self, item: _T) -> None:
        """Forget `item`; unknown ones are ignored."""
        slot = self._place.pop(item, None)
        if slot is not None:
            del self._slots[slot][item]

    def clear(self) -> None:
        """Forget everything."""
        self._slots.clear()
        self._order.clear()
        self._place.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        when = min(self._order[0] * self._slot_s, self._clock.now() + MAX_SLEEP_S)
        if self._timer is not None:
            if self._armed_for <= when:
                return
            self._timer.cancel()
        self._armed_for = when
        self._timer = self._clock.call_at(when, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = self._clock.now()
        while self._order and self._order[0] * self._slot_s <= now:
            items = self._slots.pop(heappop(self._order))
            for item in items:
                del self._place[item]
            for item in items:
                self._due(item)
        if self._order:
            self._arm()
