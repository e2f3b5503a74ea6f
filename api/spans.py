"""Which windows are asked for: whole ones of ten seconds, so that all who ask at about one time ask for the same."""

import time

from api.errors import BadArgument
from streams.projections.windows import WINDOW_MS

MAX_LAST_S = 9_000


def closed_span(last_s: int) -> tuple[int, int]:
    """Return the windows of the last `last_s` seconds that are over, as (from, to) in ms. Raises `BadArgument`."""
    to_ms = _now_ms() // WINDOW_MS * WINDOW_MS
    return to_ms - _ms(last_s), to_ms


def open_span(last_s: int) -> tuple[int, int]:
    """Return the windows of the last `last_s` seconds and the one that is open. Raises `BadArgument`."""
    from_ms, to_ms = closed_span(last_s)
    return from_ms, to_ms + WINDOW_MS


def _ms(last_s: int) -> int:
    if not WINDOW_MS // 1000 <= last_s <= MAX_LAST_S:
        raise BadArgument(f"`lastS` is {last_s}. Choose {WINDOW_MS // 1000} to {MAX_LAST_S:,}.")
    return -(-last_s * 1000 // WINDOW_MS) * WINDOW_MS


def _now_ms() -> int:
    return int(time.time() * 1000)
