"""Planted bugs of windows. Each must be found."""

from typing import Any

from streams.windows.aggregates import Mean, Min, Percentiles
from streams.windows.aligned import AlignedEngine
from streams.windows.clock import Clock
from streams.windows.combined import Aggregates
from streams.windows.engine import Engine
from streams.windows.panes import Panes
from streams.windows.session import SessionEngine
from streams.windows.sliding import SlidingEngine
from tests.simulation.mutants.mutant import Mutant

_saw, _last_end = Clock.saw, AlignedEngine._last_end
_windows_of, _take, _restored = (
    SlidingEngine._windows_of,
    Panes.take,
    Panes.restored,
)
_resume, _take_up, _tell_late, _near = (
    Engine.resume,
    SessionEngine._take_up,
    Engine._tell_late,
    SessionEngine._near,
)
_counted = SessionEngine._counted


def _watermark_back(self: Any, time_ms: int) -> None:
    _saw(self, time_ms)
    self.watermark = time_ms


def _advance_unseen(self: Any, watermark_ms: int) -> None:
    self.watermark = watermark_ms


def _last_end_early(self: Any, start: int) -> int:
    return _last_end(self, start) - 1


def _no_right_window(self: Any, key: Any, start: int) -> Any:
    return (each for each in _windows_of(self, key, start) if each <= start)


def _final_again(self: Any, key: Any, window: int) -> bool:
    return False


def _unflagged(self: Any, slot: Any, text: str) -> Any:
    pane = _restored(self, slot, text)
    pane.final = pane.told = False
    return pane


def _not_fresh(self: Any, slot: Any, text: str) -> Any:
    pane = _restored(self, slot, text)
    pane.fresh = False
    return pane


def _forgets_what_it_deleted(self: Any) -> Any:
    return {slot: text for slot, text in _take(self).items() if text is not None}


def _no_retraction(self: Any, pane: Any) -> None:
    pane.told = False
    _take_up(self, pane)


def _late_untold(self: Any) -> None:
    self._late.clear()


def _gap_exclusive(self: Any, key: Any, time_ms: int) -> Any:
    return [
        each for each in _near(self, key, time_ms) if each.start - self._gap < time_ms < each.mark + self._gap
    ]


def _half_counted(self: Any, states: Any, value: Any) -> None:
    for place, each in enumerate(self._all):
        piece = each.piece(value)
        if piece is not None:
            states[place] = each.add(states[place], piece)


def _resume_from_nothing(self: Any) -> None:
    _resume(self)
    self._reached = -(1 << 62)


def _forgets_at_the_end(self: Any, now: int) -> None:
    for start in [start for start in self._slices if _last_end(self, start) <= now]:
        self._drop(start)


def _merge_loses_the_later(self: Any, key: Any, time_ms: int, value: Any, near: Any) -> Any:
    return _counted(self, key, time_ms, value, near[:1])


def _keep_last(self: Any, state: Any, piece: Any) -> Any:
    return piece


MUTANTS = [
    Mutant("watermark-goes-back", "the watermark is no maximum", lambda: [(Clock, "saw", _watermark_back)]),
    Mutant("advance-goes-back", "an idle advance sets it", lambda: [(Clock, "advance", _advance_unseen)]),
    Mutant("closed-a-ms-early", "lateness ends early", lambda: [(AlignedEngine, "_last_end", _last_end_early)]),
    Mutant("no-right-windows", "sliding: half of them", lambda: [(SlidingEngine, "_windows_of", _no_right_window)]),
    Mutant("final-twice", "a late event makes it final anew", lambda: [(AlignedEngine, "_exists", _final_again)]),
    Mutant("flags-not-restored", "a session forgets that it was told", lambda: [(Panes, "restored", _unflagged)]),
    Mutant("fresh-not-restored", "what is due early is forgotten", lambda: [(Panes, "restored", _not_fresh)]),
    Mutant("rows-stay", "closed windows stay stored", lambda: [(Panes, "take", _forgets_what_it_deleted)]),
    Mutant("no-retraction", "a merged session stays told", lambda: [(SessionEngine, "_take_up", _no_retraction)]),
    Mutant("late-untold", "no late updates", lambda: [(Engine, "_tell_late", _late_untold)]),
    Mutant("gap-exclusive", "a gap apart is another session", lambda: [(SessionEngine, "_near", _gap_exclusive)]),
    Mutant("half-counted", "one aggregate raises, others count", lambda: [(Aggregates, "add", _half_counted)]),
    Mutant("resumes-from-nothing", "windows end anew", lambda: [(Engine, "resume", _resume_from_nothing)]),
    Mutant("no-lateness", "forgotten at the end", lambda: [(AlignedEngine, "_forget", _forgets_at_the_end)]),
    Mutant("merger-loses", "of two sessions one", lambda: [(SessionEngine, "_counted", _merge_loses_the_later)]),
    Mutant("least-is-last", "min keeps the last", lambda: [(Min, "add", _keep_last)]),
    Mutant("future-believed", "no bound ahead", lambda: [(Clock, "_limit", lambda self: None)]),
    Mutant("mean-of-sums", "mean merges no counts", lambda: [(Mean, "merge", lambda s, a, b: (a[0] + b[0], a[1]))]),
    Mutant("sketch-shared", "one sketch for all windows", lambda: [(Percentiles, "zero", _one_sketch())]),
]  # fmt: skip


def _one_sketch() -> Any:
    sketch = Percentiles().zero()
    return lambda self: sketch
