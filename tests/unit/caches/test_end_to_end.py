"""Caches on the engine: calls and values are joined to answers, pushes settle a Listen, and a replay holds the same."""

from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches import replies as r
from streams.domain.caches.events import LineCall
from streams.domain.caches.kind import CACHES
from streams.engine.batch import Batch
from streams.log.accept import LogHead
from streams.log.envelope import decode, encode
from streams.log.fold import PartitionState
from streams.log.records import Commit, Record
from streams.log.vocabulary import Vocabulary
from tests.unit.caches.spec import NAME, SETTINGS
from tests.unit.engine.harness import WALL, World
from tests.unit.log.records import GENESIS, claim

WORDS = Vocabulary(CACHES)
KEY = f"dev/{NAME}"


class Bench(World):
    """A partition of caches, and commits on it."""

    def __init__(self) -> None:
        super().__init__(WORDS)
        self.state = self._fresh()
        self.head = LogHead()
        self.replayed = self._fresh()
        begun: tuple[Record, ...] = (GENESIS, claim())
        for offset, record in enumerate(begun):
            assert self.head.accept(offset, record, encode(record)) is None
        self.state.undo.recording = True
        self.commit(c.CreateCache(NAME, 0, SETTINGS))

    def _fresh(self) -> PartitionState:
        state = PartitionState(WORDS)
        state.generation = 1
        return state

    def commit(self, command: Any, client: str = "app", lease_ms: int = 0) -> Batch:
        batch = Batch(WORDS, self.state, self.head, lease_ms, WALL + 5_000)
        assert batch.add(self.pending(command, client=client))
        batch.seal()
        self.head = batch.head
        record = decode(batch.record)
        assert isinstance(record, Commit)
        self.replayed.commit(record)
        assert batch.failures == []
        assert self.replayed.keys == self.state.keys
        return batch

    def join(self, client: str) -> int:
        reply = reply_of(self.commit(c.Listen(NAME, 0, 0, 0, (), 0), client))
        assert isinstance(reply, r.Listening)
        return reply.attachment


def reply_of(batch: Batch) -> Any:
    ((_, answer),) = batch.deliveries
    return WORDS.decode_reply(answer.reply)


def payloads(answer: Any) -> list[Any]:
    return [WORDS.decode_reply(payload) for payload in answer.payloads]


def put(value: bytes, client_line: tuple[int, int] = (0, 0), keep: c.LineState = "INVALID") -> c.WriteEntry:
    attachment, line = client_line
    return c.WriteEntry(NAME, 0, "x", value, (), -1, -1, attachment, keep, line, 1_000)


def test_a_strict_write_from_call_to_answer() -> None:
    bench = Bench()
    reader = bench.join("reader")
    bench.commit(put(b"a long value"), "writer")
    read = bench.commit(c.ReadEntry(NAME, 0, "x", reader, False, 0), "reader")
    ((_, answer),) = read.deliveries
    assert payloads(answer) == [r.EntryValue(b"a long value", (), gone=False)]
    assert b"a long value" not in read.record
    writing = bench.commit(put(b"2"), "writer")
    assert isinstance(reply_of(writing), r.CacheWaiting)
    ((settlement, pushed),) = writing.pushes
    assert settlement.client == "reader"
    assert WORDS.decode_reply(pushed.reply) == r.Calls(reader, 1, 1, 0)
    (call,) = payloads(pushed)
    assert (type(call), call.kind, call.entry) == (LineCall, "INVALIDATE", "x")
    done = bench.commit(c.Listen(NAME, 0, reader, 1, (), 0), "reader", lease_ms=3)
    assert isinstance(reply_of(done), r.Listening)
    ((settlement, pushed),) = done.pushes
    assert settlement.client == "writer"
    assert isinstance(WORDS.decode_reply(pushed.reply), r.EntryStored)


def test_a_read_that_waits_gets_its_value_attached_to_the_push() -> None:
    bench = Bench()
    owner = bench.join("owner")
    stored = reply_of(bench.commit(put(b"1", (owner, 0), "MODIFIED"), "owner"))
    assert isinstance(
        reply_of(bench.commit(c.ReadEntry(NAME, 0, "x", 0, False, 500), "reader")), r.CacheWaiting
    )
    back = bench.commit(c.WriteBack(NAME, 0, "x", owner, stored.token, b"22", "SHARED"), "owner")
    ((settlement, pushed),) = back.pushes
    assert settlement.client == "reader"
    assert payloads(pushed) == [r.EntryValue(b"22", (), gone=False)]


def test_taken_back_the_cache_is_what_it_was() -> None:
    bench = Bench()
    reader = bench.join("reader")
    bench.commit(put(b"1", (reader, 0), "EXCLUSIVE"), "reader")
    before = bench.state.keys[KEY]
    batch = Batch(WORDS, bench.state, bench.head, 3, WALL + 5_000)
    batch.add(bench.pending(put(b"2"), client="writer"))
    batch.add(bench.pending(c.DeleteCache(NAME, 0), client="writer"))
    batch.take_back()
    assert bench.state.keys[KEY] is before
    assert before == bench.replayed.keys[KEY]


def test_ticks_that_are_due_at_once_all_decide_something() -> None:
    bench = Bench()
    reader = bench.join("reader")
    bench.commit(put(b"1", (reader, 0), "EXCLUSIVE"), "reader")
    bench.commit(put(b"2"), "writer")
    batch = Batch(WORDS, bench.state, bench.head, SETTINGS.read_lease_ms, WALL + 5_000)
    batch.timers.tick(KEY)
    batch.seal()
    assert batch.failures == []
    assert [settlement.client for settlement, _ in batch.pushes] == ["writer"]
