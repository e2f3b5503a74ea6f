"""Queues on the engine: what is put in comes out, bodies are joined to answers, and a replay holds the same."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues.kind import QUEUES
from streams.domain.queues.replies import (
    Delivery,
    MessageBody,
    MessagesAccepted,
    QueueOpened,
    ReceiptsTaken,
    ReceiveWaiting,
)
from streams.engine.batch import Batch
from streams.log.accept import LogHead
from streams.log.envelope import decode, encode
from streams.log.fold import PartitionState
from streams.log.records import Commit, Record
from streams.log.vocabulary import Vocabulary
from streams.wire.answers import MAX_PART_BYTES, answers_record
from tests.unit.engine.harness import WALL, World
from tests.unit.log.records import GENESIS, claim
from tests.unit.queues.spec import NAME, ROUTE, SETTINGS, new

WORDS = Vocabulary(QUEUES)
KEY = f"dev/{NAME}"


class Bench(World):
    """A partition of queues, and commits on it."""

    def __init__(self) -> None:
        super().__init__(WORDS)
        self.state = self._fresh()
        self.head = LogHead()
        self.replayed = self._fresh()
        begun: tuple[Record, ...] = (GENESIS, claim())
        for offset, record in enumerate(begun):
            assert self.head.accept(offset, record, encode(record)) is None
        self.state.undo.recording = True

    def _fresh(self) -> PartitionState:
        state = PartitionState(WORDS)
        state.generation = 1
        return state

    def commit(self, command: Any, lease_ms: int = 0) -> Batch:
        batch = Batch(WORDS, self.state, self.head, lease_ms, WALL + 5_000)
        assert batch.add(self.pending(command))
        batch.seal()
        self.head = batch.head
        record = decode(batch.record)
        assert isinstance(record, Commit)
        self.replayed.commit(record)
        assert batch.failures == []
        return batch


def reply_of(batch: Batch) -> Any:
    ((_, answer),) = batch.deliveries
    return WORDS.decode_reply(answer.reply)


def bodies(answer: Any) -> list[Any]:
    return [WORDS.decode_reply(payload) for payload in answer.payloads]


def created(**changed: Any) -> Bench:
    bench = Bench()
    opened = reply_of(bench.commit(c.CreateQueue(NAME, 0, replace(SETTINGS, **changed), ROUTE)))
    assert isinstance(opened, QueueOpened)
    return bench


def test_put_receive_ack() -> None:
    bench = created()
    accepted = reply_of(bench.commit(c.EnqueueMessages(NAME, 0, 0, (new(b"one"), new(b"two")))))
    assert isinstance(accepted, MessagesAccepted)
    assert [result.message for result in accepted.results] == [1, 2]
    received = bench.commit(c.ReceiveMessages(NAME, 0, "", 10, 0, 0), lease_ms=5)
    delivery = reply_of(received)
    assert isinstance(delivery, Delivery)
    ((_, answer),) = received.deliveries
    first, second = bodies(answer)
    assert isinstance(first, MessageBody)
    assert (first.payload, second.payload) == (b"one", b"two")
    assert b"one" not in received.record
    receipts = tuple(c.Receipt(each.message, delivery.token) for each in delivery.messages)
    assert reply_of(bench.commit(c.AckMessages(NAME, 0, "", receipts), lease_ms=6)) == ReceiptsTaken(2, (), 0)
    assert len(bench.state.keys[KEY].messages) == 0
    assert bench.replayed.keys == bench.state.keys


def test_a_push_to_who_waits_is_in_the_enqueue_s_commit() -> None:
    bench = created()
    assert isinstance(reply_of(bench.commit(c.ReceiveMessages(NAME, 0, "", 1, 5_000, 0))), ReceiveWaiting)
    batch = bench.commit(c.EnqueueMessages(NAME, 0, 0, (new(b"one"),)), lease_ms=1)
    ((settlement, answer),) = batch.pushes
    assert settlement.sequence == 2
    assert [body.payload for body in bodies(answer)] == [b"one"]
    assert isinstance(WORDS.decode_reply(answer.reply), Delivery)
    assert bench.replayed.keys == bench.state.keys
    assert QUEUES.decider.next_deadline(bench.state.keys[KEY]) == 1 + SETTINGS.lease_ms


def wordy(payload: int, headers: int) -> c.NewMessage:
    """Return a message with all the words that it may have, each as long in UTF-8 as it can be."""
    words = tuple(c.Header(f"{number:0>256}", "\U0001f600" * 1_024) for number in range(headers))
    return new(bytes(payload), key="\U0001f600" * 256, headers=words)


@pytest.mark.parametrize(
    ("message", "count"),
    [(new(bytes(131_072)), 9), (wordy(131_072, 32), 4), (wordy(0, 1), 120), (new(b""), 500)],
)
def test_an_answer_fits_a_frame_whatever_it_names(message: c.NewMessage, count: int) -> None:
    bench, reason = created(max_depth=1_000, max_bytes=10**8), "\U0001f600" * 500
    for _ in range(count):
        bench.commit(c.EnqueueMessages(NAME, 0, 0, (message,)))
    sizes, taken, peeked = list[int](), 0, 0
    while taken < count:
        batch = bench.commit(c.ReceiveMessages(NAME, 0, "", 500, 0, 0))
        ((_, answer),) = batch.deliveries
        delivery = reply_of(batch)
        assert delivery.messages
        receipts = tuple(c.Receipt(each.message, delivery.token) for each in delivery.messages)
        bench.commit(c.NackMessages(NAME, 0, "", receipts, 60_000, reason, False))
        sizes.append(len(answers_record(b"", [answer])))
        taken += len(receipts)
    while peeked < count:
        batch = bench.commit(c.PeekMessages(NAME, 0, "", None, peeked, 100))
        ((_, answer),) = batch.deliveries
        peeked = reply_of(batch).next
        sizes.append(len(answers_record(b"", [answer])))
    assert max(sizes) <= MAX_PART_BYTES


def test_taken_back_the_queue_is_what_it_was() -> None:
    bench = created()
    bench.commit(c.EnqueueMessages(NAME, 0, 0, (new(b"one"), new(b"two", group="g"))))
    before = bench.state.keys[KEY]
    batch = Batch(WORDS, bench.state, bench.head, 3, WALL + 5_000)
    batch.add(bench.pending(c.ReceiveMessages(NAME, 0, "", 10, 0, 0)))
    batch.add(bench.pending(c.PurgeMessages(NAME, 0, "", "READY", 10)))
    batch.take_back()
    assert bench.state.keys[KEY] is before
    assert before == bench.replayed.keys[KEY]
