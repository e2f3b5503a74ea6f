"""Positions print and parse; topics are named after their kind."""

import pytest

from streams.log.positions import PartitionId, Position


def test_a_position_prints_and_parses() -> None:
    position = Position(PartitionId("locks", 3), 1205)
    assert str(position) == "locks/3@1205"
    assert Position.parse("locks/3@1205") == position


@pytest.mark.parametrize("text", ["", "locks", "locks/3", "locks@3", "locks/x@1", "locks/3@", "a/1@2@3"])
def test_what_is_no_position_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="KIND/PARTITION@OFFSET"):
        Position.parse(text)


def test_topics_are_named_after_the_kind() -> None:
    where = PartitionId("locks", 3)
    assert (where.log_topic, where.commands_topic) == ("tidelock.locks.log", "tidelock.locks.commands")
