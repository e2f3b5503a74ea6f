"""Whatever deadlines a hostile stream names: memory stays bounded, and what was refused for good stays refused."""

from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.decider import Rejected
from streams.engine.admission import FORGOTTEN, MAX_AHEAD_MS, MAX_VALIDITY_MS, Verdict, admit
from streams.log.answers import StoredAnswer
from streams.log.fold import PartitionState
from tests.unit.engine import toy
from tests.unit.engine.harness import WALL, World
from tests.unit.engine.toy import Add

PLACES = 3
CLIENTS = [f"c{number}" for number in range(8)]
HOUR_MS = 3_600_000
AHEAD = st.one_of(
    st.integers(1, MAX_AHEAD_MS),
    st.integers(MAX_AHEAD_MS + 1_000, MAX_AHEAD_MS + 30_000),
    st.integers(HOUR_MS, 24 * HOUR_MS),
    st.just(70 * 365 * 24 * HOUR_MS),
)
VALIDITY = st.one_of(st.integers(1, MAX_VALIDITY_MS), st.just(MAX_VALIDITY_MS + 1))
NEW = st.tuples(st.just("new"), st.sampled_from(CLIENTS), AHEAD, VALIDITY)
AGAIN = st.tuples(st.just("again"), st.integers(0, 60))
TIME = st.tuples(st.just("time"), st.one_of(st.integers(1, 20_000), st.integers(1, 26 * HOUR_MS)))


class Stream:
    """Commands to one partition, as admission judges them and the fold remembers them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = PartitionState(toy.VOCABULARY)
        self.mark_ms = WALL
        self.sent: list[Any] = []
        self.refused: set[int] = set()
        """Places in `sent` of commands with a logged, final refusal."""
        self.executed: set[int] = set()
        self.state.begin(0, self.mark_ms)

    def step(self, what: str, *arguments: Any) -> None:
        if what == "time":
            self.mark_ms += arguments[0]
            self.state.begin(0, self.mark_ms)
        elif what == "new":
            client, ahead_ms, validity_ms = arguments
            deadline_ms = self.mark_ms + ahead_ms
            changed = {"issued_ms": deadline_ms - validity_ms, "deadline_ms": deadline_ms}
            self.sent.append(
                self.world.pending(Add("k", 1), client=client, sequence=len(self.sent), **changed)
            )
            self.judge(len(self.sent) - 1)
        elif self.sent:
            self.judge(arguments[0] % len(self.sent))
            # a time at which the copy would be decided, were its refusal forgotten
            meta = self.sent[arguments[0] % len(self.sent)].meta
            if meta.deadline_ms - 1_000 > self.mark_ms and arguments[0] % 2:
                self.step("time", meta.deadline_ms - 1_000 - self.mark_ms)
                self.judge(arguments[0] % len(self.sent))

    def judge(self, place: int) -> None:
        pending = self.sent[place]
        verdict, known = admit(pending, self.state, self.mark_ms, deduplicated=True)
        final = False
        if verdict is Verdict.DECIDE:
            assert place not in self.refused, "it was refused, for good"
            assert place not in self.executed, "it is executed twice"
            self.executed.add(place)
        elif isinstance(known, Rejected) and known.code == "DEADLINE_TOO_FAR":
            final = not known.message.endswith(FORGOTTEN)
            assert final == (verdict is Verdict.REFUSE_AND_RAISE_FLOOR)
        if final:
            self.refused.add(place)
        if verdict is not Verdict.REPEAT:
            meta = pending.meta
            floor = meta.sequence + 1 if final else meta.floor
            stored = StoredAnswer(pending.hash, b"r", meta.deadline_ms, waiting=False)
            self.state.answers.record((pending.who.principal, meta.client), meta.sequence, floor, stored)

    def check(self) -> None:
        answers = self.state.answers
        far = [key for key, entry in answers.clients.items() if entry.far_second >= 0]
        assert answers.far.get("app", 0) == len(far) <= PLACES
        assert len(answers._agenda) <= MAX_AHEAD_MS // 1_000 + 2 + PLACES
        for key, entry in answers.clients.items():
            assert key in far or entry.last_second <= self.mark_ms // 1_000 + MAX_AHEAD_MS // 1_000 + 1


WORLD = World()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(NEW, NEW, AGAIN, TIME), max_size=60))
def test_memory_is_bounded_and_a_final_refusal_stays(steps: list[tuple[Any, ...]]) -> None:
    with patch("streams.log.answers.MAX_FAR_CLIENTS", PLACES):
        stream = Stream(WORLD)
        for step in steps:
            stream.step(*step)
            stream.check()


def test_a_hostile_stream_of_clients_a_century_ahead_leaves_a_thousand_entries() -> None:
    stream = Stream(WORLD)
    century_ms = 100 * 365 * 24 * HOUR_MS
    for number in range(3_000):
        stream.step("new", f"hostile {number}", century_ms + 1_000 * number, 60_000)
    assert len(stream.state.answers.clients) == stream.state.answers.far["app"] == 1024
    assert len(stream.refused) == 1024
    stream.step("new", "honest", 60_000, 60_000)
    assert stream.executed == {3_000}
