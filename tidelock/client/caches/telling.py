"""Tells the worker of a cache what this client's own lines answered: no command comes of it, so no log would know."""

from dataclasses import fields
from operator import attrgetter
from typing import Final

from streams.wire.messages import Count, Told
from tidelock.client.caches.hits import Hits
from tidelock.client.caches.transport import KIND, Caches

PACE_S: Final = 10.0
"""How often, at the most."""
COUNTED: Final = tuple(field.name for field in fields(Hits))
_NUMBERS = attrgetter(*COUNTED)


class Teller:
    """Of one cache as one client uses it. Has no timer: it is asked whenever the directory is told something anyway."""

    def __init__(self, caches: Caches, cache: str, hits: Hits) -> None:
        self._caches, self._cache, self._hits = caches, cache, hits
        self._told: tuple[int, ...] = (0,) * len(COUNTED)
        self._next_s = 0.0

    def tell(self, *, at_once: bool = False) -> None:
        """Tell what is new, if it is time to. What cannot be sent now is told the next time."""
        caches = self._caches
        now_s, numbers = caches.clock.now(), _NUMBERS(self._hits)
        if numbers == self._told or (now_s < self._next_s and not at_once):
            return
        grown = zip(COUNTED, numbers, self._told, strict=True)
        counts = tuple(Count(what, new - old) for what, new, old in grown if new > old)
        if caches.session.tell(caches.place(self._cache, 0), Told(KIND, self._cache, counts)):
            self._told, self._next_s = numbers, now_s + PACE_S
