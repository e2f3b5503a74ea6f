"""Global windows with a count trigger: the one kind whose windows depend on the order of arrival, and not on time."""

from collections.abc import Iterator
from typing import Any

from streams.windows.clock import Clock
from streams.windows.combined import States
from streams.windows.definition import Global, Windows
from streams.windows.engine import NEVER, Engine, Shown
from streams.windows.outbox import Outbox
from streams.windows.panes import Pane, Panes
from streams.windows.taken import Key, Kind, Reason


class CountedEngine(Engine):
    """One pane a key, for good."""

    def __init__(
        self, assigner: Global, definition: Windows, clock: Clock, panes: Panes, outbox: Outbox
    ) -> None:
        super().__init__(definition, clock, panes, outbox)
        self._every, self._purge = assigner.every, assigner.purge
        self._of_key: dict[Key, Pane] = {}

    def add(self, key: Key, time_ms: int, value: Any) -> None:
        """Count an event, or put it aside."""
        counted_as: Key | None = key
        while counted_as is not None and counted_as not in self._of_key:
            admitted = self._panes.admit(counted_as)
            if admitted == counted_as:
                break
            counted_as = admitted
        if counted_as is None:
            self._outbox.put_aside(Reason.REFUSED, key, time_ms, value)
            return
        pane = self._of_key.get(counted_as) or Pane(counted_as, 0, self._aggregates.zero())
        self._add(pane.states, value)
        if not pane.mark:
            self.insert(pane)
        self._clock.counters["overflowed"] += counted_as != key
        pane.mark += 1
        self._panes.touch(pane)
        if pane.mark % self._every == 0:
            self._trigger(pane)

    def insert(self, pane: Pane) -> None:
        """Keep a pane."""
        self._of_key[pane.key] = pane
        self._panes.insert(pane)

    def look(self, key: Key) -> Iterator[Shown]:
        """Yield the window of a key."""
        pane = self._of_key.get(key)
        if pane is not None:
            yield self._start(pane), pane.mark, pane.states

    def _trigger(self, pane: Pane) -> None:
        if not self._purge:
            self._outbox.emit(Kind.EARLY, pane.key, 0, pane.mark, pane.states)
            return
        self._outbox.emit(Kind.FINAL, pane.key, pane.mark - self._every, pane.mark, pane.states)
        pane.states = self._aggregates.zero()

    def _start(self, pane: Pane) -> int:
        return pane.mark - pane.mark % self._every if self._purge else 0

    def _open_of(self, pane: Pane) -> Iterator[tuple[int, Key, int]]:
        if self._start(pane) < pane.mark:
            yield pane.mark, pane.key, self._start(pane)

    def _states(self, key: Key, start: int) -> States:  # noqa: ARG002  # a key has one window
        return self._of_key[key].states

    def _end(self, key: Key, start: int) -> int:  # noqa: ARG002
        return self._of_key[key].mark

    def _ended(self, before: int, now: int) -> Iterator[tuple[int, Key, int]]:  # noqa: ARG002  # never by time
        return iter(())

    def _forget(self, now: int) -> None:
        """Forget nothing: `max_open` bounds the keys."""

    def _next(self, now: int) -> int:  # noqa: ARG002
        return NEVER
