"""One commit in the making: its bounds, what code that fails costs, what is gathered, what is joined at sending."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.decider import Rejected
from streams.engine.batch import Batch
from streams.engine.draft import MAX_ATTACHED_BYTES
from streams.log.accept import LogHead
from streams.log.envelope import decode, encode
from streams.log.fold import PartitionState
from streams.log.records import MAX_COMMIT_BYTES, MAX_DECISIONS, Commit, Record
from streams.wire.messages import SessionEnded
from tests.unit.engine import toy
from tests.unit.engine.harness import WALL, World
from tests.unit.engine.toy import Add, Arm, Beat, Content, Counted, Put, Take
from tests.unit.log.records import GENESIS, claim
from tests.unit.log.test_fold import snapshot

MARK = WALL + 5_000


class Bench(World):
    """A state, a head, and batches on them."""

    def __init__(self) -> None:
        super().__init__()
        self.state = PartitionState(toy.VOCABULARY)
        self.state.generation = 1
        self.head = LogHead()
        begun: tuple[Record, ...] = (GENESIS, claim())
        for offset, record in enumerate(begun):
            assert self.head.accept(offset, record, encode(record)) is None
        self.state.undo.recording = True

    def batch(self, lease_ms: int = 0) -> Batch:
        return Batch(toy.VOCABULARY, self.state, self.head, lease_ms, MARK)

    def sealed(self, *commands: Any, lease_ms: int = 0) -> Batch:
        batch = self.batch(lease_ms)
        for command in commands:
            batch.add(self.pending(command))
        return self.seal(batch)

    def seal(self, batch: Batch) -> Batch:
        batch.seal()
        self.head = batch.head
        return batch

    def replies(self, batch: Batch) -> list[Any]:
        return [
            toy.VOCABULARY.decode_reply(answer.reply) for _, answer in (*batch.deliveries, *batch.undecided)
        ]


def logged(batch: Batch) -> Commit:
    record = decode(batch.record)
    assert isinstance(record, Commit)
    return record


def test_a_sealed_batch_is_a_commit_that_every_reader_accepts_and_folds_alike() -> None:
    bench = Bench()
    reader = bench.head.copy()
    batch = bench.sealed(Add("k", 1), Add("l", 2), Add("k", 3))
    assert reader.accept(2, logged(batch), batch.record) is None
    assert reader.head == batch.head.head
    replayed = PartitionState(toy.VOCABULARY)
    replayed.commit(logged(batch))
    assert snapshot(replayed) == snapshot(bench.state)


def test_a_commit_holds_500_decisions_and_no_more() -> None:
    bench = Bench()
    batch = bench.batch()
    count = 0
    while not batch.full:
        batch.add(bench.pending(Add("k", 1)))
        count += 1
    assert count == MAX_DECISIONS
    assert len(logged(bench.seal(batch)).decisions) == MAX_DECISIONS


@pytest.mark.parametrize("size", [10, 5_000, 60_000, 130_000, 399_000])
def test_a_commit_stays_below_512_kib_whatever_the_commands(size: int) -> None:
    bench = Bench()
    batch = bench.batch()
    for _ in range(MAX_DECISIONS + 1):
        pending = bench.pending(Put("k", bytes(size)))
        if batch.full or not batch.add(pending):
            break
    bench.seal(batch)
    assert batch.decisions
    assert len(batch.record) <= MAX_COMMIT_BYTES


def test_a_command_that_would_burst_the_commit_waits_for_the_next() -> None:
    bench = Bench()
    batch = bench.batch()
    batch.add(bench.pending(Put("k", bytes(200_000))))
    before = snapshot(bench.state)
    assert not batch.full
    assert not batch.add(bench.pending(Put("other", bytes(399_000))))
    assert batch.full
    assert snapshot(bench.state) == before
    assert len(batch.commands) == 1
    bench.seal(batch)
    assert bench.batch().add(bench.pending(Put("other", bytes(399_000))))


def test_a_decision_that_no_commit_can_hold_is_an_internal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.draft.MAX_DECISION_BYTES", 4000)
    bench = Bench()
    batch = bench.batch()
    assert batch.add(bench.pending(Put("k", bytes(5000))))
    (reply,) = bench.replies(batch)
    assert isinstance(reply, Rejected) and reply.code == "INTERNAL"
    bench.seal(batch)
    assert len(batch.record) < 1000


@pytest.mark.parametrize("how", ["explode", "mine"])
def test_code_that_raises_leaves_the_state_untouched_and_is_logged(how: str) -> None:
    bench = Bench()
    bench.sealed(Add("k", 1))
    before = snapshot(bench.state)
    batch = bench.batch()
    pending = bench.pending(Add("k", 5, how))
    batch.add(pending)
    (reply,) = bench.replies(batch)
    assert isinstance(reply, Rejected) and reply.code == "INTERNAL"
    assert len(batch.failures) == 1
    bench.seal(batch)
    (decision,) = logged(batch).decisions
    assert decision.events == ()
    bench.state.answers.clients["app", "c1"].answers.pop(pending.meta.sequence)
    assert snapshot(bench.state) == before


def test_an_internal_is_an_answer_and_is_repeated() -> None:
    bench = Bench()
    bench.sealed(Add("k", 5, "explode"))
    batch = bench.batch()
    batch.add(bench.pending(Add("k", 5, "explode"), sequence=1))
    assert batch.empty
    assert bench.replies(batch)[0].code == "INTERNAL"


@pytest.mark.parametrize("how", ["explode", "idle", "mine"])
def test_a_timer_that_fails_parks_its_key_visibly_until_it_is_commanded(how: str) -> None:
    bench = Bench()
    bench.sealed(Arm("k", 5, how), Arm("l", 5))
    batch = bench.batch(lease_ms=10)
    while (key := bench.state.deadlines.pop(10)) is not None:
        batch.timers.tick(key)
    bench.seal(batch)
    assert list(bench.state.parked) == ["dev/k"]
    assert bench.state.state_of("dev/k").total == 0
    assert len(batch.failures) == 1
    failed, rang = logged(batch).decisions
    assert type(toy.VOCABULARY.decode_event(failed.events[0])).__name__ == "TimerFailed"
    assert type(toy.VOCABULARY.decode_event(rang.events[0])).__name__ == "Rang"
    assert bench.state.deadlines.pop(10**9) is None
    bench.sealed(Arm("k", 5), lease_ms=20)
    assert bench.state.parked == {}
    assert bench.state.deadlines.pop(10**9) == "dev/k"


def test_a_timer_that_is_not_due_is_scheduled_again() -> None:
    bench = Bench()
    bench.sealed(Arm("k", 50))
    bench.state.deadlines.schedule("dev/k", 1)
    batch = bench.batch(lease_ms=10)
    assert bench.state.deadlines.pop(10) == "dev/k"
    batch.timers.tick("dev/k")
    assert batch.empty
    assert bench.state.deadlines.next() == 50


def test_gathered_commands_are_one_decision_that_answers_each_and_is_not_kept() -> None:
    bench = Bench()
    batch = bench.batch(lease_ms=7)
    beats = tuple(bench.pending(Beat(name)) for name in ("a", "b", "a"))
    batch.coalesce(beats, toy.VOCABULARY.specs[Beat])
    bench.seal(batch)
    (decision,) = logged(batch).decisions
    assert (decision.lane, decision.command, decision.key) == ("ENGINE", "Beats", "dev/beats")
    assert [answer.sequence for _, answer in (*batch.deliveries, *batch.undecided)] == [1, 2, 3]
    assert bench.replies(batch) == [toy.Alive(7)] * 3
    assert {key: each.beat_at for key, each in bench.state.keys.items()} == {"dev/a": 7, "dev/b": 7}
    assert bench.state.answers.clients == {}


def test_gathered_commands_act_for_their_own_tenant() -> None:
    bench = Bench()
    batch, beat = bench.batch(lease_ms=7), bench.pending(Beat("a"), tenant="other")
    beat.refusal = None  # of an identity that is not of this tenant
    batch.coalesce((beat,), toy.VOCABULARY.specs[Beat])
    bench.seal(batch)
    assert list(bench.state.keys) == ["other/a"]


def test_gathered_commands_of_an_ended_session_or_past_their_deadline_are_refused() -> None:
    bench = Bench()
    bench.state.ended_sessions["dev/s"] = SessionEnded("s", MARK + 1, "why")
    batch = bench.batch()
    gathered = (
        bench.pending(Beat("a")),
        bench.pending(Beat("b"), session="s"),
        bench.pending(Beat("c"), deadline_ms=MARK),
    )
    batch.coalesce(gathered, toy.VOCABULARY.specs[Beat])
    bench.seal(batch)
    alive, session_ended, expired = bench.replies(batch)
    assert alive == toy.Alive(0)
    assert (session_ended.code, expired.code) == ("SESSION_ENDED", "EXPIRED")
    assert [answer.sequence for _, answer in batch.undecided] == [2, 3]  # no commit decided these
    assert list(bench.state.keys) == ["dev/a"]


def test_gathered_commands_are_refused_each_by_the_state_of_the_key_that_it_names() -> None:
    bench = Bench()
    bench.sealed(Add("known", 1))

    def refuse(beat: Beat, _: object, state: toy.Toy) -> Rejected | None:
        if beat.name == "explode":
            raise toy.Explosion("refuse")
        return None if state.total else Rejected("UNKNOWN", "Add something first.")

    batch = bench.batch()
    spec = replace(toy.VOCABULARY.specs[Beat], refuse=refuse)
    batch.coalesce(tuple(bench.pending(Beat(name)) for name in ("known", "unknown", "explode")), spec)
    bench.seal(batch)
    alive, unknown, internal = bench.replies(batch)
    assert isinstance(alive, toy.Alive)
    assert (unknown.code, internal.code) == ("UNKNOWN", "INTERNAL")
    assert [key for key, each in bench.state.keys.items() if each.beat_at >= 0] == ["dev/known"]
    assert len(batch.failures) == 1


def _broken_merge(_: object) -> object:
    raise toy.Explosion("merge")


@pytest.mark.parametrize("where", ["merge", "decide"])
def test_gathered_commands_whose_code_raises_are_answered_internal_each(where: str) -> None:
    bench = Bench()
    spec = toy.VOCABULARY.specs[Beat]
    if where == "merge":
        spec = replace(spec, coalesce=_broken_merge)
    batch = bench.batch()
    batch.coalesce((bench.pending(Beat("explode")), bench.pending(Beat("b"))), spec)
    bench.seal(batch)
    assert [reply.code for reply in bench.replies(batch)] == ["INTERNAL", "INTERNAL"]
    assert bench.state.keys == {}


def test_a_payload_is_logged_once_and_joined_when_the_answer_is_sent() -> None:
    bench = Bench()
    payload = bytes(range(256)) * 200
    bench.sealed(Put("k", payload))
    batch = bench.sealed(Take("k"))
    (answer,) = (answer for _, answer in batch.deliveries)
    content = toy.VOCABULARY.encode_reply(Content(payload))
    assert answer.payloads == (content,)
    assert len(batch.record) < len(payload)
    repeat = bench.batch()
    repeat.add(bench.pending(Take("k"), sequence=2))
    assert repeat.empty
    assert repeat.deliveries[0][1].payloads == (content,)


def test_what_is_joined_to_the_answers_of_gathered_commands_is_of_the_key_that_each_names() -> None:
    bench = Bench()
    bench.sealed(Put("b", b"mine"))
    batch = bench.batch()
    batch.coalesce(tuple(bench.pending(Beat(name)) for name in ("a", "b")), toy.VOCABULARY.specs[Beat])
    content = toy.VOCABULARY.encode_reply(Content(b"mine"))
    assert [answer.payloads for _, answer in batch.deliveries] == [(), (content,)]


def test_what_the_answers_of_one_commit_carry_is_bounded() -> None:
    bench = Bench()
    bench.sealed(Put("k", bytes(300_000)))
    batch, taken = bench.batch(), 0
    while not batch.full:
        taken += 1
        assert batch.add(bench.pending(Take("k")))
    assert MAX_ATTACHED_BYTES <= 300_000 * taken < MAX_ATTACHED_BYTES + 300_000


def test_a_source_covers_repeats_too_and_is_hashed_over_the_last_command() -> None:
    bench = Bench()
    batch = bench.batch()
    for offset in range(3):
        pending = bench.pending(Add("k", 1), sequence=1)
        pending.lane, pending.offset, pending.raw = "TOPIC", offset, b"raw%d" % offset
        batch.add(pending)
    assert len(batch.decisions) == 1
    bench.seal(batch)
    source = logged(batch).source
    assert source is not None
    assert (source.first, source.last) == (0, 2)
    assert bench.head.last_source == 2


def test_taken_back_it_never_was() -> None:
    bench = Bench()
    bench.sealed(Add("k", 1), Arm("t", 5))
    before = snapshot(bench.state)
    batch = bench.batch(lease_ms=10)
    batch.add(bench.pending(Add("k", 1)))
    batch.timers.tick("dev/t")
    batch.take_back()
    assert snapshot(bench.state) == before


def test_tokens_count_events_over_commands_and_commits() -> None:
    bench = Bench()
    first = bench.replies(bench.sealed(Add("k", 1), Add("k", 0), Add("k", 1)))
    second = bench.replies(bench.sealed(Add("k", 1)))
    tokens = [reply.token for reply in (*first, *second) if isinstance(reply, Counted)]
    assert tokens == [(1 << 48) | number for number in (1, 2, 3)]
