"""A broker's clock may lie by any amount and in any order: windows count everything once, in bounded state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.locks.events import LockReleased
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.tables import LOCK_WINDOWS
from streams.windows.sketch import loads
from tests.unit.locks.spec import granted
from tests.unit.projections.spec import Moment, Spec, at, commits, did

WINDOW_MS = 10_000
YEAR_MS = 365 * 86_400_000
TIMES = st.lists(
    st.one_of(
        st.integers(0, 5 * WINDOW_MS),
        st.integers(50 * YEAR_MS, 50 * YEAR_MS + 5 * WINDOW_MS),
        st.sampled_from([-1, -YEAR_MS, 8_000 * YEAR_MS, 2**62]),
    ),
    min_size=2,
    max_size=12,
)


def moments(times: list[int]) -> list[Moment]:
    """A lock that is held and released in turns, one commit a time."""
    return [
        at(time_ms, did(LockReleased(number) if number % 2 else granted("a", number + 1)))
        for number, time_ms in enumerate(times)
    ]


def folded(times: list[int], stretch: int) -> list[dict[str, object]]:
    """Return the windows, taken after every `stretch` commits."""
    spec, read = Spec(LOCKS), commits(*moments(times))
    for first in range(0, len(read), stretch):
        for accepted in read[first : first + stretch]:
            spec.fold.commit(accepted)
        spec.take()
    rows = spec.rows[LOCK_WINDOWS].values()
    return [dict(zip(LOCK_WINDOWS.columns, row, strict=True)) for row in rows]


@given(times=TIMES, stretch=st.integers(1, 12))
def test_all_is_counted_once_in_no_more_windows_than_times(times: list[int], stretch: int) -> None:
    windows = folded(times, stretch)
    assert sum(int(str(one["commands"])) for one in windows) == len(times)
    assert sum(int(str(one["grants"])) for one in windows) == -(-len(times) // 2)
    assert len(windows) <= len({max(0, *times[: number + 1]) // WINDOW_MS for number in range(len(times))})
    holds = [loads(str(one["holds"])) for one in windows]
    assert sum(each.count for each in holds) == len(times) // 2


@given(times=TIMES, stretch=st.integers(1, 12))
def test_the_windows_are_the_same_however_the_log_is_cut(times: list[int], stretch: int) -> None:
    def known(windows: list[dict[str, object]]) -> list[dict[str, object]]:
        return sorted(windows, key=lambda one: int(str(one["start_ms"])))

    assert known(folded(times, stretch)) == known(folded(times, len(times)))


def test_a_clock_that_goes_back_holds_event_time_and_opens_no_window() -> None:
    windows = folded([25_000, 4_000, 26_000, 1_000], 1)
    assert [one["start_ms"] for one in windows if one["commands"]] == [20_000]
