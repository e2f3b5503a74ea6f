"""Admission: what is checked before a kind decides, in the order the design fixes."""

from typing import Any

import pytest

from streams.domain.decider import Rejected
from streams.engine.admission import MAX_AHEAD_MS, MAX_VALIDITY_MS, Verdict, admit
from streams.log.answers import StoredAnswer
from streams.wire.messages import SessionEnded
from tests.unit.engine.harness import WALL, World
from tests.unit.engine.toy import Add

MARK = WALL + 5_000
"""The harness's clock at its start: commands are issued at the mark."""


def judged(world: World, mark_ms: int = MARK, **changed: Any) -> tuple[Verdict, str | None]:
    deduplicated = changed.pop("deduplicated", True)
    verdict, known = admit(
        world.pending(Add("k", 1), **changed), world.owner.reader.state, mark_ms, deduplicated=deduplicated
    )
    return verdict, known.code if isinstance(known, Rejected) else None


def answered(sequence: int, floor: int = 0, **changed: Any) -> World:
    """A world in which command `sequence` was answered."""
    world = World()
    pending = world.pending(Add("k", 1), sequence=sequence, **changed)
    stored = StoredAnswer(pending.hash, b"r", pending.meta.deadline_ms, waiting=False)
    world.owner.reader.state.answers.record(("app", "c1"), sequence, floor, stored)
    return world


def test_a_new_command_is_decided() -> None:
    assert judged(World()) == (Verdict.DECIDE, None)


def test_below_the_floor_it_is_stale() -> None:
    assert judged(answered(7, floor=5), sequence=4) == (Verdict.REPEAT, "STALE")


def test_at_the_floor_it_is_not() -> None:
    assert judged(answered(7, floor=5), sequence=5) == (Verdict.DECIDE, None)


def test_a_repeat_gets_the_stored_answer_whatever_its_new_floor() -> None:
    world = answered(7)
    verdict, known = admit(
        world.pending(Add("k", 1), sequence=7, floor=3), world.owner.reader.state, MARK, deduplicated=True
    )
    assert verdict is Verdict.REPEAT
    assert isinstance(known, StoredAnswer) and known.reply == b"r"


def test_a_repeat_gets_its_answer_even_when_its_deadline_is_past_and_its_session_over() -> None:
    world = answered(7, session="s")
    world.owner.reader.state.ended_sessions["dev/s"] = SessionEnded("s", MARK + 10**6, "why")
    assert judged(world, mark_ms=MARK + 10**6, sequence=7, session="s") == (Verdict.REPEAT, None)


@pytest.mark.parametrize("changed", [{"deadline_ms": MARK + 1}, {"handle": "other"}, {"issued_ms": MARK - 1}])
def test_another_command_under_the_same_sequence_is_refused(changed: dict[str, Any]) -> None:
    assert judged(answered(7), sequence=7, **changed) == (Verdict.REPEAT, "SEQUENCE_REUSED")


def test_stale_comes_before_everything_else() -> None:
    far = {"deadline_ms": MARK + 10 * MAX_AHEAD_MS, "issued_ms": 0}
    assert judged(answered(7, floor=5), sequence=4, **far) == (Verdict.REPEAT, "STALE")


@pytest.mark.parametrize(
    ("issued", "deadline", "code"),
    [
        (MARK, MARK + MAX_VALIDITY_MS, None),
        (MARK, MARK + MAX_VALIDITY_MS + 1, "DEADLINE_TOO_FAR"),
        (MARK + MAX_VALIDITY_MS, MARK + MAX_AHEAD_MS, None),
        (MARK + MAX_VALIDITY_MS, MARK + MAX_AHEAD_MS + 1, "DEADLINE_TOO_FAR"),
        (0, MARK, "DEADLINE_TOO_FAR"),
        (MARK - 60_000, MARK + 1, None),
        (MARK - 60_000, MARK, "EXPIRED"),
        (MARK - 60_000, MARK - 1, "EXPIRED"),
    ],
)
def test_deadlines(issued: int, deadline: int, code: str | None) -> None:
    verdict, found = judged(World(), issued_ms=issued, deadline_ms=deadline)
    assert found == code
    raised = verdict is Verdict.REFUSE_AND_RAISE_FLOOR
    assert raised == (code == "DEADLINE_TOO_FAR")


def test_an_ended_session_is_refused_until_it_is_forgotten() -> None:
    world = World()
    world.owner.reader.state.ended_sessions["dev/s"] = SessionEnded("s", MARK + 1, "why")
    assert judged(world, session="s") == (Verdict.REFUSE, "SESSION_ENDED")
    assert judged(world, session="t") == (Verdict.DECIDE, None)
    assert judged(world) == (Verdict.DECIDE, None)


def test_expired_comes_before_what_intake_found_and_that_before_the_session() -> None:
    world = World()
    world.owner.reader.state.ended_sessions["dev/s"] = SessionEnded("s", MARK + 10**6, "why")
    pending = world.pending(Add("k", 1), session="s")
    pending.refusal = Rejected("WRONG_PARTITION", "elsewhere")
    state = world.owner.reader.state

    def code(mark_ms: int) -> str:
        _, known = admit(pending, state, mark_ms, deduplicated=True)
        assert isinstance(known, Rejected)
        return known.code

    assert code(MARK + 60_000) == "EXPIRED"
    assert code(MARK) == "WRONG_PARTITION"
    pending.refusal = None
    assert code(MARK) == "SESSION_ENDED"


def test_a_command_that_is_not_deduplicated_is_decided_again_but_not_after_its_deadline() -> None:
    assert judged(answered(7, floor=9), sequence=7, deduplicated=False) == (Verdict.DECIDE, None)
    assert judged(World(), mark_ms=MARK + 60_000, deduplicated=False) == (Verdict.REFUSE, "EXPIRED")
