"""Moments as people write them, and times as they are shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from streams.log.positions import PartitionId, Position
from streams.replay.errors import InTheFuture
from streams.replay.moment import AtEnd, AtPosition
from tidelock.cli.exits import WrongUse
from tidelock.cli.when import Calendar


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


NOW = ms("2020-07-15T12:00:00+00:00")


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calendar]:
    """This machine stands in Berlin, two hours ahead in July."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield Calendar(utc=False, now_ms=NOW)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2020-07-14T14:03:07", "2020-07-14T12:03:07+00:00"),
        ("2020-07-14 14:03:07.250", "2020-07-14T12:03:07.250+00:00"),
        ("2020-07-14T14:03:07Z", "2020-07-14T14:03:07+00:00"),
        ("2020-07-14T14:03:07-05:00", "2020-07-14T19:03:07+00:00"),
        ("2020-07-14", "2020-07-13T22:00:00+00:00"),
        ("2020-01-14T14:03:07", "2020-01-14T13:03:07+00:00"),
        ("13:59:59", "2020-07-15T11:59:59+00:00"),
        ("14:00", "2020-07-15T12:00:00+00:00"),
        ("-5m", "2020-07-15T11:55:00+00:00"),
        ("-1h30m", "2020-07-15T10:30:00+00:00"),
        ("-2d", "2020-07-13T12:00:00+00:00"),
        ("-0.5s", "2020-07-15T11:59:59.500+00:00"),
        ("-0s", "2020-07-15T12:00:00+00:00"),
    ],
)
def test_times_are_read_in_the_zone_of_this_machine(berlin: Calendar, text: str, meant: str) -> None:
    assert berlin.time_ms(text) == ms(meant)


def test_in_utc_a_time_without_a_zone_is_utc(berlin: Calendar) -> None:
    utc = Calendar(utc=True, now_ms=NOW)
    assert utc.time_ms("2020-07-14T14:03:07") == ms("2020-07-14T14:03:07+00:00")
    assert utc.time_ms("11:00:00") == ms("2020-07-15T11:00:00+00:00")
    assert (utc.shown(NOW + 7), utc.zone(NOW)) == ("2020-07-15 12:00:00.007 +00:00", "UTC")
    assert berlin.shown(NOW + 7) == "2020-07-15 14:00:00.007 +02:00"
    assert berlin.zone(NOW).startswith("CEST")


@pytest.mark.parametrize("text", ["2020-03-29T02:30:00", "2019-10-27T02:30:00"], ids=["never", "twice"])
def test_an_hour_that_never_was_or_was_twice_must_be_said_by_its_offset(berlin: Calendar, text: str) -> None:
    with pytest.raises(WrongUse, match=r"\+02:00"):
        berlin.time_ms(text)


@pytest.mark.parametrize("text", ["2020-07-15T14:00:01", "14:00:00.001", "2020-07-15T12:00:01Z"])
def test_the_future_is_not_known(berlin: Calendar, text: str) -> None:
    with pytest.raises(InTheFuture, match=r"still to come; it is 2020-07-15 14:00:00.000 \+02:00"):
        berlin.time_ms(text)


@pytest.mark.parametrize(
    "text",
    ["yesterday", "-", "-m", "-5", "5m", "-5m3", "25:00:00", "2020-13-01", "1969-12-31", "0001-01-01", "locks/0@x",
     "locks/0@-1", "@", "1@2@3", "-999999d", "\udcff", "٣:00:00x"],
    ids=ascii,
)  # fmt: skip
def test_nonsense_is_told_with_what_can_be_written(berlin: Calendar, text: str) -> None:
    with pytest.raises(WrongUse):
        berlin.target(text)


def test_positions_and_the_end() -> None:
    calendar = Calendar(utc=True, now_ms=NOW)
    assert calendar.target("locks/3@1205") == AtPosition(Position(PartitionId("locks", 3), 1205))
    assert calendar.target("") == AtEnd()


def test_now_is_this_moment() -> None:
    before = datetime.now(UTC).timestamp() * 1000
    assert before - 1 <= Calendar.now(utc=True).now_ms <= before + 60_000
