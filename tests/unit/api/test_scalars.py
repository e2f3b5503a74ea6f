"""Scalars, out and in again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ApiError
from api.types.scalars import (
    MAX_LONG,
    MAX_TIME_MS,
    MIN_TIME_MS,
    long_of,
    moment_of,
    position_of,
    show_time,
    time_of,
)
from streams.log.positions import PartitionId, Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = st.integers(MIN_TIME_MS, MAX_TIME_MS)


@given(_TIMES)
def test_times_are_written_as_datetime_writes_them_and_read_back(time_ms: int) -> None:
    shown = show_time(time_ms)
    assert datetime.fromisoformat(shown) == _EPOCH + timedelta(milliseconds=time_ms)
    assert len(shown) == 24
    assert time_of(shown) == moment_of(shown) == time_ms


@given(st.integers(-(2**63), 2**63 - 1))
def test_whatever_clients_call_a_time_is_shown(time_ms: int) -> None:
    assert time_of(show_time(time_ms)) == min(max(time_ms, MIN_TIME_MS), MAX_TIME_MS)


@given(_TIMES, st.integers(-23, 23))
def test_times_of_any_zone_are_read(time_ms: int, hours: int) -> None:
    sign = "-" if hours < 0 else "+"
    text = show_time(time_ms)[:-1] + f"{sign}{abs(hours):02}:00"
    if MIN_TIME_MS <= time_ms - hours * 3_600_000 <= MAX_TIME_MS:
        assert time_of(text) == time_ms - hours * 3_600_000
    else:
        with pytest.raises(ApiError):
            time_of(text)


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**18 - 1))
def test_positions_are_read_as_they_are_written(partition: int, offset: int) -> None:
    position = Position(PartitionId("locks", partition), offset)
    assert position_of(str(position)) == moment_of(str(position)) == position


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    for read in (position_of, time_of, moment_of, long_of):
        try:
            read(text)
        except ApiError as error:
            assert error.extensions
            assert error.extensions["code"] in ("POSITION_INVALID", "TIME_INVALID", "BAD_ARGUMENT")


@given(st.integers())
def test_numbers_have_64_bits(number: int) -> None:
    for given_as in (number, str(number)):
        if -MAX_LONG <= number <= MAX_LONG:
            assert long_of(given_as) == number
        else:
            with pytest.raises(ApiError):
                long_of(given_as)


def test_what_is_no_number_is_refused() -> None:
    strange: tuple[object, ...] = (True, 1.0, None, "1.0", "0x1", "١", " 1", "1_000", [], "9" * 30)
    for wrong in strange:
        with pytest.raises(ApiError):
            long_of(wrong)
