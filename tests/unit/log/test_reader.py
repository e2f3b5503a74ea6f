"""Reading a log: accepted records fold, void ones are counted, and nothing is ever guessed."""

import pytest

from streams.log.envelope import encode
from streams.log.positions import PartitionId, Position
from streams.log.reader import LevelTooHigh, NotContiguous, PartitionReader, UnknownEvent
from streams.log.records import Record
from tests.unit.engine import toy
from tests.unit.log.records import GENESIS, B, Chain, claim, decision

WHERE = PartitionId("toys", 0)


class Log:
    """A chain that remembers its bytes, and a reader behind it."""

    def __init__(self, max_level: int = 1) -> None:
        self.chain = Chain()
        self.reader = PartitionReader(WHERE, toy.VOCABULARY, max_level)

    def put(self, record: Record | bytes | None) -> Record | None:
        offset = self.chain.offset
        if isinstance(record, bytes) or record is None:
            self.chain.offer(None)
            return self.reader.read(offset, record)
        self.chain.offer(record)
        return self.reader.read(offset, encode(record))


def begun(max_level: int = 1) -> Log:
    log = Log(max_level)
    log.put(GENESIS)
    log.put(claim(max_level=9))
    return log


ADDED = decision(events=(toy.VOCABULARY.encode_event(toy.Added(2, "")),))


def test_accepted_commits_fold_and_void_ones_are_counted_by_reason() -> None:
    log = begun()
    assert log.put(log.chain.commit(decisions=(ADDED,))) is not None
    assert log.put(log.chain.commit(owner=B, decisions=(ADDED,))) is None
    assert log.put(b"garbage") is None
    assert log.put(None) is None
    assert log.put(GENESIS) is None
    assert log.reader.state.state_of("dev/k").total == 2
    assert log.reader.voids == {"foreign_owner": 1, "malformed": 2, "genesis_not_first": 1}
    assert log.reader.next_offset == 7
    assert log.reader.head.head == log.chain.head.head


def test_the_generation_of_tokens_comes_from_the_genesis() -> None:
    assert begun().reader.state.generation == GENESIS.generation


@pytest.mark.parametrize("offset", [1, 3])
def test_a_hole_or_a_repeat_halts(offset: int) -> None:
    log = begun()
    with pytest.raises(NotContiguous):
        log.reader.read(offset, b"x")


def test_an_accepted_event_that_is_not_known_halts_and_says_where() -> None:
    log = begun()
    unknown = b"\xc3\x01" + b"\x01" * 8
    with pytest.raises(UnknownEvent, match="Upgrade") as caught:
        log.put(log.chain.commit(decisions=(decision(events=(unknown,)),)))
    assert caught.value.position == Position(WHERE, 2)


def test_an_event_that_is_not_known_in_a_void_commit_is_void() -> None:
    log = begun()
    unknown = b"\xc3\x01" + b"\x01" * 8
    assert log.put(log.chain.commit(owner=B, decisions=(decision(events=(unknown,)),))) is None


def test_a_level_above_the_releases_halts() -> None:
    log = begun(max_level=2)
    assert log.put(log.chain.feature(2)) is not None
    with pytest.raises(LevelTooHigh):
        log.put(log.chain.feature(3))
