"""Windows kept by naive means: all events in lists, every window looked at after every step. Not a test itself."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from streams.windows.aggregates import Count, CountDistinct, Max, Mean, Min, Percentiles, Sum, TopK
from streams.windows.combined import Aggregates
from streams.windows.definition import Hopping, Session, Sliding, Tumbling, Windows
from streams.windows.monoid import Monoid
from streams.windows.sketch import Sketch

Window = tuple[tuple[str, ...], int]
Event = tuple[tuple[str, ...], int, Any]
UNLUCKY = 13


def _unlucky(value: int) -> int:
    if value == UNLUCKY:
        raise ValueError("unlucky")
    return value


def aggregates() -> Aggregates:
    return Aggregates(
        p=Percentiles(), count=Count(), total=Sum(), mean=Mean(), least=Min(), most=Max(), kinds=CountDistinct(),
        own=Monoid("xor", int, _unlucky, lambda one, other: one ^ other),
        often=TopK(2, of=lambda value: str(value % 5), capacity=5), even=Count(lambda v: None if v % 2 else v),
    )  # fmt: skip


def naive(values: list[int]) -> dict[str, Any]:
    sketch, xor = Sketch(), 0
    for value in values:
        sketch.add(value)
        xor ^= value
    often = sorted(Counter(str(value % 5) for value in values).items(), key=lambda each: (-each[1], each[0]))
    return {
        "p": tuple(sketch.quantile(each) for each in (500, 950, 990)),
        "count": len(values), "total": sum(values), "mean": sum(values) / len(values), "least": min(values),
        "most": max(values), "kinds": len(set(values)), "own": xor, "often": [(*each, 0) for each in often[:2]],
        "even": sum(value % 2 == 0 for value in values),
    }  # fmt: skip


class Brute:
    """What the operator must tell: `finals` in order, `asides` in order, `table` as the last results make it."""

    def __init__(self, definition: Windows) -> None:
        self.d = definition
        self.watermark: int | None = None
        self.latest: int | None = None
        self.events: list[Event] = []
        self.final: set[Window] = set()
        self.finals: list[tuple[Window, dict[str, Any]]] = []
        self.asides: list[tuple[str, Event]] = []
        self.table: dict[Window, dict[str, Any]] = {}

    def add(self, event: Event) -> None:
        key, time, value = event
        if self.latest is not None and time > self.latest + self.d.ahead_ms:
            self.asides.append(("FUTURE", event))
            return
        before = self._windows()
        self.events.append(event)
        if all(end + self.d.lateness_ms <= self._now for end in self._ends(event)):
            self._put_aside("LATE", event)
        elif value in (UNLUCKY, "bad"):
            self._put_aside("FAILED", event)
        else:
            self._retract(before)
            after = self._windows().items()
            changed = [w for w, each in after if w[0] == key and before.get(w) != each]
            for end, window in sorted((self._windows()[w][0], w) for w in changed):
                if (end <= self._now or window in self.final) and self._now < end + self.d.lateness_ms:
                    self._tell(window)
        self.latest = time if self.latest is None else max(self.latest, time)
        self._move(self.latest - self.d.out_of_order_ms)

    def advance(self, watermark: int) -> None:
        self.latest = watermark if self.latest is None else max(self.latest, watermark)
        self._move(watermark)

    def took(self) -> None:
        if self.d.early_ms == 0:
            self._tell_open()

    @property
    def _now(self) -> int:
        return -(10**15) if self.watermark is None else self.watermark

    def _move(self, watermark: int) -> None:
        if watermark <= self._now:
            return
        first, before, self.watermark = self.watermark is None, self._now, watermark
        for end, window in sorted((end, window) for window, (end, _) in self._windows().items()):
            if before < end <= watermark and window not in self.final:
                self._tell(window)
        if self.d.early_ms and not first and before // self.d.early_ms < watermark // self.d.early_ms:
            self._tell_open()
        if isinstance(self.d.assigner, Session):
            windows = self._windows()
            dead = [
                e for end, part in windows.values() if end + self.d.lateness_ms <= watermark for e in part
            ]
            self.events = [event for event in self.events if not any(event is each for each in dead)]

    def _put_aside(self, reason: str, event: Event) -> None:
        self.events.pop()
        self.asides.append((reason, event))

    def _retract(self, before: Iterable[Window]) -> None:
        if isinstance(self.d.assigner, Session):
            for window in set(before) - set(self._windows()):
                self.table.pop(window, None)
                self.final.discard(window)

    def _tell(self, window: Window) -> None:
        results = naive([value for _, _, value in self._windows()[window][1]])
        self.table[window] = results
        if window not in self.final:
            self.final.add(window)
            self.finals.append((window, results))

    def _tell_open(self) -> None:
        for window, (end, part) in self._windows().items():
            if end > self._now and window not in self.final:
                self.table[window] = naive([value for _, _, value in part])

    def _windows(self) -> dict[Window, tuple[int, list[Event]]]:
        found: dict[Window, tuple[int, list[Event]]] = {}
        for key in {event[0] for event in self.events}:
            mine = [event for event in self.events if event[0] == key]
            for start, end in windows_of(self.d, [time for _, time, _ in mine]):
                part = [event for event in mine if start <= event[1] < end]
                if part:
                    found[key, start] = (self._end(end, part), part)
        return found

    def _ends(self, event: Event) -> list[int]:
        """When the windows end that have an event, or may have it."""
        if isinstance(self.d.assigner, Sliding):
            return [event[1] + self.d.assigner.size_ms + 1]
        return [end for end, part in self._windows().values() if any(each is event for each in part)]

    def _end(self, end: int, part: list[Event]) -> int:
        gap = self.d.assigner.gap_ms if isinstance(self.d.assigner, Session) else None
        return end if gap is None else max(time for _, time, _ in part) + gap + 1


def windows_of(definition: Windows, times: list[int]) -> set[tuple[int, int]]:
    """All (start, end) that may hold some of `times`."""
    match definition.assigner:
        case Tumbling(size):
            return {(time - time % size, time - time % size + size) for time in times}
        case Hopping(size, hop):
            starts = {s for t in times for s in range(t - size + 1, t + 1) if s % hop == 0}
            return {(start, start + size) for start in starts}
        case Sliding(size):
            return {(start, start + size + 1) for t in times for start in (t - size, t + 1)}
        case Session(gap):
            runs: list[list[int]] = []
            for time in sorted(times):
                if runs and time - runs[-1][-1] <= gap:
                    runs[-1].append(time)
                else:
                    runs.append([time])
            return {(run[0], run[-1] + 1) for run in runs}
        case other:
            raise AssertionError(other)
