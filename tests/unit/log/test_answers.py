"""Answers: kept until the floor or the mark has passed them; the entry until the greatest deadline is past."""

import pytest

from streams.log.answers import FAR_MS, Answers, StoredAnswer
from streams.log.undo import Undo

ME = ("app", "c1")
MARK = 1_700_000_000_000


def stored(deadline_ms: int = MARK + 60_000, *, waiting: bool = False, reply: bytes = b"r") -> StoredAnswer:
    return StoredAnswer(b"h" * 16, reply, deadline_ms, waiting)


def answers() -> Answers:
    return Answers(Undo())


def test_an_answer_is_found_again() -> None:
    known = answers()
    known.record(ME, 7, 0, stored())
    assert known.find(ME, 7) == stored()
    assert known.find(ME, 8) is None
    assert known.find(("other", "c1"), 7) is None


def test_the_first_answer_stays() -> None:
    known = answers()
    known.record(ME, 7, 0, stored())
    known.record(ME, 7, 0, stored(reply=b"second"))
    assert known.find(ME, 7) == stored()


def test_the_floor_drops_what_is_below_it_and_never_falls() -> None:
    known = answers()
    for sequence in (1, 2, 3):
        known.record(ME, sequence, 0, stored())
    known.record(ME, 4, 3, stored())
    assert [known.find(ME, s) is not None for s in (1, 2, 3, 4)] == [False, False, True, True]
    known.record(ME, 5, 1, stored())
    assert known.floor(ME) == 3


@pytest.mark.parametrize("floor", [6, 9, 1_000_000_000])
def test_a_floor_that_rises_drops_the_same_by_either_way(floor: int) -> None:
    known, model = answers(), set()
    for sequence in (5, 8, 3, 12, 40):
        known.record(ME, sequence, 0, stored())
        model.add(sequence)
    known.record(ME, floor, floor, stored())
    assert set(known.clients[ME].answers) == {s for s in model | {floor} if s >= floor}


def test_a_decision_below_its_own_floor_is_not_kept() -> None:
    known = answers()
    known.record(ME, 4, 5, stored())
    assert known.find(ME, 4) is None
    assert known.floor(ME) == 5


def test_the_mark_drops_an_answer_when_it_has_passed_its_deadline() -> None:
    known = answers()
    known.record(ME, 1, 0, stored(MARK + 5_000))
    known.record(ME, 2, 0, stored(MARK + 60_000))
    known.sweep(MARK + 4_999)
    assert known.find(ME, 1) is not None
    known.sweep(MARK + 7_000)
    assert known.find(ME, 1) is None
    assert known.find(ME, 2) is not None


def test_a_waiting_answer_outlives_its_deadline_until_its_wait_is_over() -> None:
    known = answers()
    known.record(ME, 1, 0, stored(MARK + 5_000, waiting=True))
    known.sweep(MARK + 600_000)
    assert known.find(ME, 1) == stored(MARK + 5_000, waiting=True)
    known.settle(ME, 1, b"final", MARK + 600_000)
    assert known.find(ME, 1) == stored(MARK + 5_000, reply=b"final")
    known.sweep(MARK + 602_000)
    assert known.find(ME, 1) is None


def test_a_settled_answer_is_kept_until_its_deadline() -> None:
    known = answers()
    known.record(ME, 1, 0, stored(MARK + 60_000, waiting=True))
    known.settle(ME, 1, b"final", MARK)
    known.sweep(MARK + 30_000)
    assert known.find(ME, 1) is not None


def test_settling_what_nobody_remembers_is_nothing() -> None:
    known = answers()
    known.settle(ME, 1, b"final", MARK)
    assert known.clients == {}


def test_the_entry_with_its_floor_stays_until_the_greatest_deadline_it_saw() -> None:
    known = answers()
    known.record(ME, 9, 9, stored(MARK + 300_000))
    known.record(ME, 10, 11, stored(MARK + 5_000))
    known.sweep(MARK + 299_000)
    assert known.floor(ME) == 11
    known.sweep(MARK + 302_000)
    assert known.clients == {}


def test_all_of_it_can_be_undone() -> None:
    undo = Undo()
    known = Answers(undo)
    known.record(ME, 1, 0, stored(MARK + 1_000))
    undo.recording = True
    known.record(ME, 2, 2, stored(MARK + 9_000, waiting=True))
    known.settle(ME, 2, b"final", MARK)
    known.sweep(MARK + 60_000)
    assert known.clients == {}
    undo.back_to(0)
    assert known.find(ME, 1) == stored(MARK + 1_000)
    assert known.find(ME, 2) is None
    assert known.floor(ME) == 0
    undo.recording = False
    known.sweep(MARK + 60_000)
    assert known.clients == {}


def test_one_client_is_looked_at_once_however_many_far_deadlines_it_names() -> None:
    known = answers()
    known.sweep(MARK)
    for number in range(1, 2_000):
        known.record(ME, number, number + 1, stored(MARK + FAR_MS + 2_000 * number))
    assert (known.far, len(known._agenda)) == ({"app": 1}, 1)
    last = MARK + FAR_MS + 2_000 * 1_999
    known.sweep(last - 1_000)
    assert known.floor(ME) == 2_000
    known.sweep(last + 2_000)
    assert (known.clients, known.far, len(known._agenda)) == ({}, {}, 0)


def test_a_far_deadline_takes_a_place_until_it_has_passed_although_its_client_lives_on() -> None:
    known = answers()
    known.sweep(MARK)
    known.record(ME, 1, 2, stored(MARK + FAR_MS + 5_000))
    assert known.far == {"app": 1}
    now = MARK + FAR_MS + 4_000
    known.sweep(now)
    known.record(ME, 2, 2, stored(now + 60_000))
    assert known.far == {"app": 1}
    known.sweep(now + 3_000)
    assert (known.far, known.floor(ME)) == ({}, 2)
    known.sweep(now + 63_000)
    assert known.clients == {}


def test_there_is_room_for_few_far_clients_of_a_principal_and_for_each_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.log.answers.MAX_FAR_CLIENTS", 2)
    known = answers()
    known.sweep(MARK)
    for name in "ab":
        assert known.has_room_for_far(("app", name))
        known.record(("app", name), 1, 2, stored(MARK + 10**9))
    assert [known.has_room_for_far(("app", name)) for name in "abc"] == [True, True, False]
    assert known.has_room_for_far(("other", "c"))
    known.sweep(MARK + 10**9 + 1_000)
    assert known.has_room_for_far(("app", "c"))


def test_far_deadlines_can_be_undone() -> None:
    undo = Undo()
    known = Answers(undo)
    known.sweep(MARK)
    known.record(ME, 1, 2, stored(MARK + 10**9))
    undo.recording = True
    known.record(ME, 2, 3, stored(MARK + 10**10))
    known.record(("app", "c2"), 2, 3, stored(MARK + 10**10))
    known.sweep(MARK + 10**11)
    assert (known.clients, known.far) == ({}, {})
    undo.back_to(0)
    assert (known.floor(ME), known.far, len(known._agenda)) == (2, {"app": 1}, 1)
