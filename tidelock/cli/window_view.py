"""How windows are shown to people."""

from collections.abc import Sequence
from typing import Final

from streams.projections.activity.reads import ActivityWindow, Lasted
from streams.projections.reads import Behind
from tidelock.cli import show
from tidelock.cli.when import Calendar

COLUMNS: Final = (
    "name", "from", "open", "commands", "/s", "rejected", "wait 95%", "hold 95%",
)  # fmt: skip
_LISTS: Final = ("busiest", "contended", "refusals")


def names(found: Sequence[tuple[str, ActivityWindow]], count: int, calendar: Calendar) -> None:
    """Print the newest window of each name, in 80 columns. `count`: how many there are."""
    if not found:
        show.say("nothing happened in the last minute")
        return
    table = show.table(None, *COLUMNS, right=frozenset(COLUMNS[3:]))
    for name, window in found:
        table.add_row(show.literal(name), *_cells(window, calendar))
    show.out.print(table)
    if count > len(found):
        show.say(f"{show.number(count - len(found))} more: see --limit.", "yellow")


def windows(found: Sequence[ActivityWindow], calendar: Calendar) -> None:
    """Print windows, newest first, each with all that it counts."""
    if not found:
        show.say("nothing happened in the last minute")
    for window in found:
        state = "open" if window.open else "over"
        show.say(f"{calendar.shown(window.start_ms)} to {calendar.short(window.end_ms)}, {state}", "bold")
        table = show.table(None, "what", "value")
        for what, value in _facts(window):
            if value:
                table.add_row(what, show.literal(value))
        show.out.print(table)


def missing(overflowed: int, lacks: Behind, calendar: Calendar) -> None:
    """Print what the windows lack, if anything."""
    if overflowed:
        show.say(
            f"Names that have no windows, for there are too many: {show.number(overflowed)} commands.",
            "yellow",
        )
    if lacks.lag:
        since = "" if lacks.lag_since_ms is None else f", since {calendar.shown(lacks.lag_since_ms)}"
        records = show.number(lacks.lag)
        show.say(f"Behind the logs by {records} records{since}: what is open here may be over.", "yellow")


def _facts(window: ActivityWindow) -> list[tuple[str, str]]:
    facts = [
        ("commands", f"{show.number(window.commands)} ({window.per_second:.1f} a second)"),
        ("rejected", show.number(window.rejected) if window.rejected else ""),
        ("clients", "" if window.clients is None else show.number(window.clients)),
        ("events", ", ".join(f"{name} {show.number(count)}" for name, count in window.events)),
        ("waits", _lasted(window.waits)),
        ("holds", _lasted(window.holds)),
    ]
    for what in _LISTS:
        ranked = getattr(window, what)
        facts.append((what, ", ".join(f"{name} {show.number(count)}" for name, count, _ in ranked)))
    return facts


def _lasted(lasted: Lasted) -> str:
    if not lasted.count:
        return ""
    return (
        f"{show.number(lasted.count)}; half up to {lasted.p50_ms:,.0f} ms, 95 % up to {lasted.p95_ms:,.0f} ms, "
        f"99 % up to {lasted.p99_ms:,.0f} ms"
    )


def _cells(window: ActivityWindow, calendar: Calendar) -> list[str]:
    lasted = ["-" if one.p95_ms is None else f"{one.p95_ms:,.0f} ms" for one in (window.waits, window.holds)]
    return [
        calendar.clock(window.start_ms),
        "yes" if window.open else "no",
        show.number(window.commands),
        f"{window.per_second:.1f}",
        show.number(window.rejected),
        *lasted,
    ]
