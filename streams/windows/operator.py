"""The operator: events of one partition in, results of its windows out. Deterministic, restorable, bounded.

What it gives depends on what was put in, in that order: never on when it was taken, but for `EACH_TAKE` and for how
many late updates of a window are told as one.
"""

from collections.abc import Iterable
from typing import Any

from streams.windows.aligned import AlignedEngine
from streams.windows.clock import LONG_AGO, Clock
from streams.windows.counted import CountedEngine
from streams.windows.definition import Global, Session, Sliding, Windows
from streams.windows.engine import Engine
from streams.windows.monoid import told
from streams.windows.outbox import Outbox
from streams.windows.panes import Panes
from streams.windows.session import SessionEngine
from streams.windows.sliding import SlidingEngine
from streams.windows.taken import Emission, Key, Kind, Progress, Reason, Slot, Taken


class Windowed:
    """The windows of one partition of one stream."""

    __slots__ = ("_clock", "_clock_text", "_definition", "_engine", "_outbox", "_panes")

    def __init__(self, definition: Windows) -> None:
        self._definition = definition
        self._clock = Clock(definition.out_of_order_ms, definition.ahead_ms)
        self._panes = Panes(definition, self._clock)
        self._outbox = Outbox(definition.aggregates, self._clock)
        self._engine = _engine(definition, self._clock, self._panes, self._outbox)
        self._clock_text = ""

    def add(self, key: Key, time_ms: int, value: Any) -> None:
        """Count an event, or put it aside."""
        self.add_many(((key, time_ms, value),))

    def add_many(self, events: Iterable[tuple[Key, int, Any]]) -> None:
        """Count events (key, time, value) in this order."""
        clock, engine, count = self._clock, self._engine, 0
        add = engine.add
        for key, time_ms, value in events:
            count += 1
            later = time_ms > clock.latest_ms
            if later and time_ms > clock.limit_ms:
                self._outbox.put_aside(Reason.FUTURE, key, time_ms, value)
                continue
            try:
                add(key, time_ms, value)
            except Exception as error:  # somebody's own code, or a value that cannot be counted
                self._outbox.put_aside(Reason.FAILED, key, time_ms, value, told(error))
            if later:
                clock.saw(time_ms)
                if clock.watermark >= engine.due:
                    engine.move()
        clock.counters["events"] += count

    def reach(self, log_ms: int) -> None:
        """Tell the log's clock (append timestamp) of the events that follow: it bounds how far ahead they may be."""
        self._clock.reach(log_ms)

    def advance(self, watermark_ms: int) -> None:
        """Move the watermark on though no event came: nothing before `watermark_ms` is expected any more.

        Whoever replays the events has to replay this too, or go on from a state that knows of it.
        """
        self._clock.advance(watermark_ms)
        if self._clock.watermark >= self._engine.due:
            self._engine.move()

    def take(self) -> Taken:
        """Return everything since the last call."""
        self._engine.flush()
        states, outbox = self._panes.take(), self._outbox
        text = self._clock.dumps(self._definition.shape)
        taken = Taken(
            tuple(outbox.emissions), tuple(outbox.asides), states, None if text == self._clock_text else text
        )
        self._clock_text, outbox.emissions, outbox.asides = text, [], []
        return taken

    def restore(self, clock: str, states: Iterable[tuple[Slot, str]]) -> None:
        """Be as stored; called before anything else, if at all. Raises `WrongState`."""
        self._clock.restore(self._definition.shape, clock)
        self._clock_text = clock
        for slot, text in states:
            self._engine.insert(self._panes.restored(slot, text))
        self._engine.resume()

    def look(self, key: Key) -> tuple[Emission, ...]:
        """Return the windows of a key that still take events, as they are: nothing is told, nothing changes."""
        now = self._clock.watermark
        return tuple(
            self._outbox.shown(Kind.EARLY if end > now else Kind.LATE, key, start, end, states)
            for start, end, states in self._engine.look(key)
        )

    @property
    def due_ms(self) -> int | None:
        """The watermark at which a window ends, or is forgotten, though no event comes; None: nothing is kept."""
        return self._engine.due if self._panes.open else None

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        watermark = self._clock.watermark
        known = None if watermark == LONG_AGO else watermark
        return Progress(known, self._panes.open, +self._clock.counters)


def _engine(definition: Windows, clock: Clock, panes: Panes, outbox: Outbox) -> Engine:
    match definition.assigner:
        case Sliding() as sliding:
            return SlidingEngine(sliding, definition, clock, panes, outbox)
        case Session() as session:
            return SessionEngine(session, definition, clock, panes, outbox)
        case Global() as counted:
            return CountedEngine(counted, definition, clock, panes, outbox)
        case aligned:
            return AlignedEngine(aligned, definition, clock, panes, outbox)
