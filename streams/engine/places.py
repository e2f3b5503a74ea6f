"""Which names are counted by themselves: few in all, shared evenly among tenants, given back when nobody uses them."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

Name: TypeAlias = tuple[str, str]
"""Kind and name."""
Place: TypeAlias = tuple[str, Name]
"""Tenant and name."""


class Places:
    """First come, first served, while there are some left. Then a tenant that has fewer takes one of who has most."""

    def __init__(self, most: int, kept_s: float, gone: Callable[[Place], None]) -> None:
        """`kept_s`: how long a name keeps its place after it was last heard of. `gone`: is told who lost one."""
        self._most, self._kept_s, self._gone = most, kept_s, gone
        self._heard: OrderedDict[Place, float] = OrderedDict()
        """The longest unheard of first."""
        self._of: dict[str, OrderedDict[Name, None]] = {}
        """By tenant, alike."""

    def take(self, tenant: str, name: Name, now_s: float) -> bool:
        """Return whether the name has a place, which it gets if there is one for it."""
        while self._heard and next(iter(self._heard.values())) < now_s - self._kept_s:
            self._drop(next(iter(self._heard)))
        place = (tenant, name)
        if place not in self._heard and len(self._heard) >= self._most:
            largest = max(self._of, key=lambda each: len(self._of[each]))
            if len(self._of[largest]) <= len(self._of.get(tenant, ())) + 1:
                return False
            self._drop((largest, next(iter(self._of[largest]))))
        self._heard[place] = now_s
        self._heard.move_to_end(place)
        mine = self._of.setdefault(tenant, OrderedDict())
        mine[name] = None
        mine.move_to_end(name)
        return True

    def _drop(self, place: Place) -> None:
        tenant, name = place
        del self._heard[place]
        del self._of[tenant][name]
        if not self._of[tenant]:
            del self._of[tenant]
        self._gone(place)
