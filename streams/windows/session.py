"""Sessions: events of a key at most `gap_ms` apart. An event may extend one, or make one of two.

A session is known by its key and start. When an earlier event, or a merger, takes that from it, and it was told, it is
retracted. It ends `gap_ms + 1` behind its last event: the first millisecond whose event would be another session's.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

from streams.windows.clock import Clock
from streams.windows.combined import States
from streams.windows.definition import Session, Windows
from streams.windows.engine import NEVER, Engine, Shown
from streams.windows.outbox import Outbox
from streams.windows.panes import Pane, Panes
from streams.windows.taken import Key, Kind, Reason

_START = attrgetter("start")


class SessionEngine(Engine):
    """The sessions of all keys, each key's by time."""

    def __init__(
        self, assigner: Session, definition: Windows, clock: Clock, panes: Panes, outbox: Outbox
    ) -> None:
        super().__init__(definition, clock, panes, outbox)
        self._gap = assigner.gap_ms
        self._sessions: dict[Key, list[Pane]] = {}
        self._deadlines: list[tuple[int, Key, int]] = []
        """When to look at a session: never later than it ends, or is forgotten, but maybe earlier."""
        self._gone: list[Pane] = []

    def add(self, key: Key, time_ms: int, value: Any) -> None:
        """Count an event in its session, or put it aside."""
        near = self._near(key, time_ms)
        last = max(time_ms, *(each.mark for each in near)) if near else time_ms
        if last + self._gap + 1 + self._lateness_ms <= self._clock.watermark:
            self._outbox.put_aside(Reason.LATE, key, time_ms, value)
            return
        counted_as: Key | None = key
        while (
            counted_as is not None and not near and (admitted := self._panes.admit(counted_as)) != counted_as
        ):
            counted_as = admitted
            near = [] if admitted is None else self._near(admitted, time_ms)
        if counted_as is None:
            self._outbox.put_aside(Reason.REFUSED, key, time_ms, value)
            return
        pane = self._counted(counted_as, time_ms, value, near)
        self._clock.counters["overflowed"] += counted_as != key
        self._panes.touch(pane)
        if pane.final:
            self._late.add((pane.key, pane.start))
        elif self._end_of(pane) <= self._clock.watermark:
            pane.final = pane.told = True
            self._outbox.emit(Kind.FINAL, pane.key, pane.start, self._end_of(pane), pane.states)

    def insert(self, pane: Pane) -> None:
        """Keep a session."""
        insort(self._sessions.setdefault(pane.key, []), pane, key=_START)
        self._panes.insert(pane)
        self._look_again(pane)
        self.due = min(self.due, self._deadlines[0][0])

    def look(self, key: Key) -> Iterator[Shown]:
        """Yield the sessions of a key that still take events."""
        for pane in self._sessions.get(key, []):
            if self._end_of(pane) + self._lateness_ms > self._clock.watermark:
                yield pane.start, self._end_of(pane), pane.states

    def _near(self, key: Key, time_ms: int) -> list[Pane]:
        """Return the sessions that an event belongs to: at most two."""
        sessions = self._sessions.get(key, [])
        after = bisect_right(sessions, time_ms, key=_START)
        return [
            each
            for each in sessions[max(0, after - 1) : after + 1]
            if each.start - self._gap <= time_ms <= each.mark + self._gap
        ]

    def _counted(self, key: Key, time_ms: int, value: Any, near: list[Pane]) -> Pane:
        """Count an event; return its session. May raise what aggregates raise; nothing has changed then."""
        if len(near) == 1 and near[0].start <= time_ms:
            self._add(near[0].states, value)
            near[0].mark = max(near[0].mark, time_ms)
            return near[0]
        states = self._aggregates.zero()
        self._add(states, value)
        if near:
            first, *others = near
            self._aggregates.merge(first.states, *(each.states for each in others), states)
            states = first.states
        pane = Pane(key, time_ms, states, max([time_ms, *(each.mark for each in near)]))
        if near and near[0].start <= time_ms:
            first = near.pop(0)
            first.mark, pane = pane.mark, first
        else:
            self.insert(pane)
        for each in near:
            self._take_up(each)
        return pane

    def _take_up(self, pane: Pane) -> None:
        """Forget a session that is part of another one now."""
        self._late.discard((pane.key, pane.start))
        if pane.told:
            self._outbox.retract(pane.key, pane.start, self._end_of(pane))
        self._remove(pane)

    def _remove(self, pane: Pane) -> None:
        sessions = self._sessions[pane.key]
        del sessions[bisect_left(sessions, pane.start, key=_START)]
        if not sessions:
            del self._sessions[pane.key]
        self._panes.drop(pane)

    def _ended(self, before: int, now: int) -> Iterator[tuple[int, Key, int]]:  # noqa: ARG002
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            _, key, start = heappop(deadlines)
            pane = self._find(key, start)
            if pane is None:
                continue
            if self._deadline(pane) <= now:
                if pane.final:
                    self._gone.append(pane)
                    continue
                pane.final = pane.told = True
                self._panes.save(pane)
                yield self._end_of(pane), key, start
            self._look_again(pane)

    def _forget(self, now: int) -> None:  # noqa: ARG002
        for pane in self._gone:
            self._remove(pane)
        self._gone = []

    def _next(self, now: int) -> int:  # noqa: ARG002
        return self._deadlines[0][0] if self._deadlines else NEVER

    def _open_of(self, pane: Pane) -> Iterator[tuple[int, Key, int]]:
        if not pane.final and self._end_of(pane) > self._clock.watermark:
            yield self._end_of(pane), pane.key, pane.start

    def _tell_early(self, *, stored: bool) -> None:
        for pane in self._panes.fresh.values():
            pane.told = pane.told or any(self._open_of(pane))
        super()._tell_early(stored=stored)

    def _states(self, key: Key, start: int) -> States:
        pane = self._find(key, start)
        assert pane is not None
        return pane.states

    def _end(self, key: Key, start: int) -> int:
        pane = self._find(key, start)
        assert pane is not None
        return self._end_of(pane)

    def _find(self, key: Key, start: int) -> Pane | None:
        sessions = self._sessions.get(key, [])
        at = bisect_left(sessions, start, key=_START)
        return sessions[at] if at < len(sessions) and sessions[at].start == start else None

    def _end_of(self, pane: Pane) -> int:
        return pane.mark + self._gap + 1

    def _deadline(self, pane: Pane) -> int:
        return self._end_of(pane) + (self._lateness_ms if pane.final else 0)

    def _look_again(self, pane: Pane) -> None:
        heappush(self._deadlines, (self._deadline(pane), pane.key, pane.start))
