"""The tail of a log: what it keeps is found without looking through it."""

from __future__ import annotations

import pytest

from streams.log.checkpoint import START
from streams.projector.settings import LaneSettings
from streams.projector.stretch import Stretch
from streams.projector.tail import Tail
from tests.unit.projector.toy import keys, logbook
from tests.unit.replay.logbook import WHERE, WORDS

RECORDS = logbook(*keys(40, 10)).records


@pytest.fixture
def tail() -> Tail:
    """A tail that has all records, each in a stretch of its own."""
    one = Tail(WHERE, WORDS, LaneSettings(stretch_bytes=0))
    one.begin(START)
    one.wanted = None
    assert len(list(one.feed(RECORDS))) == len(RECORDS)
    return one


def test_each_stretch_is_found_by_where_it_begins(tail: Tail) -> None:
    for record in RECORDS:
        found = tail.after(record.offset)
        assert found is not None
        assert (found.start, found.end) == (record.offset, record.offset + 1)


def test_a_lane_that_has_all_is_told_so_without_a_look_at_what_is_kept(
    tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    end = Stretch.end.fget  # type: ignore[attr-defined]

    def counted(stretch: Stretch) -> int:
        looked.append(stretch)
        return int(end(stretch))

    monkeypatch.setattr(Stretch, "end", property(counted))
    assert tail.after(len(RECORDS)) is None
    assert len(looked) <= 1


def test_what_begins_within_a_stretch_is_found_too() -> None:
    tail = Tail(WHERE, WORDS, LaneSettings())
    tail.begin(START)
    tail.wanted = None
    list(tail.feed(RECORDS))
    found = tail.after(3)
    assert found is not None
    assert found.start <= 3 < found.end
