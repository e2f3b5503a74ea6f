"""Why clients lost lines of an entry, and why reads and writes of it waited: the steps, put together. Pure."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from streams.domain.value import value
from streams.replay.caches.steps import Step, What
from streams.replay.locks.phrases import duration
from streams.replay.locks.story import Line, Section

TOLD: Final = 5
"""Lines that ended, and waits, that are told: the latest."""
MOST: Final = 12
"""Steps of one wait that are told, beside its last."""
_KEEPS: Final[frozenset[What]] = frozenset({"READ", "WRITTEN", "WRITTEN_BACK"})
_LINE_ENDS: Final[frozenset[What]] = frozenset({"INVALIDATED", "LINE_ENDED", "LINE_LOST"})
_WAIT_ENDS: Final[frozenset[What]] = frozenset({"READ", "WRITTEN", "DELETED", "WAIT_ENDED", "LOADS"})
_RELEASES: Final[frozenset[What]] = frozenset({"ACKNOWLEDGED", "GONE", "WRITTEN_BACK", "LINE_LOST"})


@value
class _Wait:
    """One that goes on."""

    began: Step
    told: list[Step]
    releases: list[Step]
    """The latest of those that were waited for."""


class Explainer:
    """Takes an entry's steps in order."""

    def __init__(self) -> None:
        self._kept: dict[int, Step] = {}
        """By attachment, what gave the line."""
        self._ended: deque[Section] = deque(maxlen=TOLD)
        self._waits: dict[int, _Wait] = {}
        self._waited: deque[Section] = deque(maxlen=TOLD)

    def take(self, steps: Iterable[Step]) -> None:
        """Take the next ones."""
        for step in steps:
            self._line(step)
            self._wait(step)

    def sections(self) -> tuple[Section, ...]:
        """Return what led to the ends of lines, and the waits, those that go on last."""
        waiting = [_waiting(wait) for wait in list(self._waits.values())[:TOLD]]
        return (*self._ended, *self._waited, *waiting)

    def _line(self, step: Step) -> None:
        told = step.told
        if told.what in _LINE_ENDS:
            granted = self._kept.pop(told.attachment, None)
            how = "was lost" if told.what == "LINE_LOST" else "ended"
            self._ended.append(_section(f"Why the line of {told.who} {how}", [granted, step]))
        elif told.what in _KEEPS and told.attachment:
            self._kept[told.attachment] = step

    def _wait(self, step: Step) -> None:
        told = step.told
        if told.what == "WAITS":
            self._waits[told.ticket] = _Wait(step, [step], [])
            return
        for ticket, wait in tuple(self._waits.items()):
            if told.what in _RELEASES:
                wait.releases[:] = [step]
            if told.ticket == ticket and told.what in _WAIT_ENDS:
                del self._waits[ticket]
                self._waited.append(_waited(wait, step))
            elif len(wait.told) < MOST:
                wait.told.append(step)


def _waited(wait: _Wait, end: Step) -> Section:
    took = duration(max(0, end.cause.time_ms - wait.began.cause.time_ms))
    last = f", last for {wait.releases[0].told.who}" if wait.releases and wait.releases[0].told.who else ""
    steps = [*wait.told, *[each for each in wait.releases if each not in wait.told], end]
    return _section(f"Why the {wait.began.told.who} waited for {took}{last}", steps)


def _waiting(wait: _Wait) -> Section:
    return _section(f"Why the {wait.began.told.who} waits", wait.told)


def _section(title: str, steps: Iterable[Step | None]) -> Section:
    lines = [
        Line(step.cause.position, step.cause.time_ms, f"{step.told.text}.")
        for step in steps
        if step is not None
    ]
    return Section(title, tuple(lines))
