"""Dead letters, and messages on their way: redrive, purge, moves."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues.replies import MessagesChosen, MovesTaken
from tests.unit.queues.spec import (
    NAME,
    ROUTE,
    SETTINGS,
    Spec,
    nack,
    new,
    peek,
    purge,
    put,
    queue,
    redrive,
    take,
)


def dead(count: int = 3, **settings: Any) -> Spec:
    """So many messages, all dead: 1 for reason "r1", 2 of group "g" for "r2", and so on."""
    known: dict[str, Any] = {"max_attempts": 1}
    spec = (
        queue(**known | settings)
        .when(put(*[new(group="g" if n == 1 else None) for n in range(count)]))
        .when(take(count))
    )
    token = spec.reply.token
    for number in range(1, count + 1):
        spec = spec.when(nack((number, token), reason=f"r{number}"))
    return spec


def test_redriven_letters_have_all_attempts_again() -> None:
    spec = dead().when(redrive()).then(e.MessagesRedriven("", (1, 2, 3), None))
    spec.answers(MessagesChosen((1, 2, 3), False, 3)).when(take(9)).gets(1, 2, 3)
    assert spec.when(take(1)).reply.messages == (e.Attempt(1, 1),)


def test_one_that_died_before_its_time_came_waits_for_it_again() -> None:
    spec = queue(max_depth=2, overflow="DEAD_LETTER_OLDEST", dead_letter_queue="late")
    spec = spec.when(put(new(group="g", delay_ms=90), new(delay_ms=9))).when(put(new(group="g"), new()))
    spec = spec.when(c.ConfirmMoves(NAME, 0, "", 1, (), (c.MoveFailure(1, "no"), c.MoveFailure(2, "no"))))
    again = spec.at(50).when(redrive()).then(e.MessagesRedriven("", (1, 2), None, (e.Delay(1, 90),)))
    again.stands(m1="DELAYED", m2="READY", m3="READY", m4="READY").due(90)
    again.when(take(9)).gets(4, 2).at(90).when(take(9)).gets(1)
    spec.at(90).when(redrive()).then(e.MessagesRedriven("", (1, 2), None))


def test_a_filter_chooses() -> None:
    spec = dead()
    spec.when(redrive(3, 1, 9)).answers(MessagesChosen((1, 3), False, 3))
    spec.when(redrive(group="g")).answers(MessagesChosen((2,), False, 3))
    spec.when(redrive(reason="r3")).answers(MessagesChosen((3,), False, 3))
    spec.when(redrive(reason="no")).then().answers(MessagesChosen((), False, 3))
    spec.when(redrive(limit=2)).answers(MessagesChosen((1, 2), True, 2))
    spec.when(redrive(after=2)).answers(MessagesChosen((3,), False, 3))
    spec.when(redrive(dry_run=True)).then().answers(MessagesChosen((1, 2, 3), False, 3))


def test_bounds_of_a_redrive() -> None:
    dead().when(redrive(limit=0)).refuses("BAD_ARGUMENT")
    dead().when(redrive(limit=501)).refuses("BAD_ARGUMENT")
    dead().when(redrive(*range(501))).refuses("BATCH_TOO_LARGE")
    dead().when(redrive(to=NAME)).refuses("DEAD_LETTER_LOOP")
    dead().when(redrive(to="x#1")).refuses("BAD_ARGUMENT")


def test_who_waits_gets_what_is_redriven() -> None:
    dead().when(take(wait_ms=50), "w", 4).when(redrive(2)).settles(("w", 4, [2]))


def test_redriven_elsewhere_they_are_on_their_way_until_that_is_confirmed() -> None:
    spec = dead().when(redrive(to="other")).stands(m1="MOVING", m2="MOVING", m3="MOVING")
    confirm = c.ConfirmMoves(NAME, 0, "", 1, (1, 1, 8), (c.MoveFailure(2, "no such queue"),))
    done = spec.when(confirm).answers(MovesTaken(2)).stands(m2="DEAD", m3="MOVING")
    done.then(e.MessagesMoved("", (1,)), e.MovesFailed("", (c.MoveFailure(2, "no such queue"),)))
    done.when(confirm).then().answers(MovesTaken(0))
    assert done.when(peek("DEAD")).reply.messages[0].reason == "no such queue"
    done.when(redrive()).stands(m2="READY", m3="MOVING")


def test_who_confirms_late_ends_no_later_move() -> None:
    spec = dead().when(redrive(to="other"))
    spec.when(c.ConfirmMoves(NAME, 0, "", 1, (1,), (), "another")).then().answers(MovesTaken(0))
    spec.when(c.ConfirmMoves(NAME, 0, "", 1, (1,), (), "other")).answers(MovesTaken(1))


def test_who_confirms_for_a_queue_that_was_made_anew_takes_nothing_from_it() -> None:
    settings: dict[str, Any] = {"max_attempts": 1, "dead_letter_queue": "late"}
    old = dead(1, **settings).stands(m1="MOVING")
    made = c.CreateQueue(NAME, 0, replace(SETTINGS, **settings), ROUTE)
    anew = old.when(c.DeleteQueue(NAME, 0, True)).when(made).when(put(new())).when(take())
    anew = anew.when(nack((1, anew.reply.token))).stands(m1="MOVING")
    late = c.ConfirmMoves(NAME, 0, "", old.state.incarnation, (1,), (), "late")
    anew.when(late).then().answers(MovesTaken(0))
    anew.when(replace(late, incarnation=anew.state.incarnation)).answers(MovesTaken(1)).stands()


def test_bounds_of_a_confirmation() -> None:
    dead().when(c.ConfirmMoves(NAME, 0, "", 1, tuple(range(501)), ())).refuses("BATCH_TOO_LARGE")
    dead().when(c.ConfirmMoves(NAME, 0, "", 1, (), (c.MoveFailure(1, "x" * 501),))).refuses("BAD_ARGUMENT")


def test_what_is_on_its_way_does_not_count_in_depth() -> None:
    spec = dead(2, max_depth=2).when(put(new())).refuses("QUEUE_FULL", "redrive or purge")
    away = spec.when(redrive(1, to="other")).when(put(new())).stands(m1="MOVING", m2="DEAD", m3="READY")
    away.when(put(new())).refuses("QUEUE_FULL")
    failed = away.when(c.ConfirmMoves(NAME, 0, "", 1, (), (c.MoveFailure(1, "no"),)))
    assert failed.state.away == 0


@pytest.mark.parametrize("state", ["READY", "DELAYED", "DEAD"])
def test_purged_is_gone_and_the_others_stay(state: c.State) -> None:
    spec = dead(2).when(put(new(), new(), new(delay_ms=5), new(delay_ms=9)))
    before = {"m1": "DEAD", "m2": "DEAD", "m3": "READY", "m4": "READY", "m5": "DELAYED", "m6": "DELAYED"}
    numbers = tuple(int(name[1:]) for name, each in before.items() if each == state)
    left = {name: each for name, each in before.items() if each != state}
    purged = spec.when(purge(state)).then(e.MessagesPurged("", numbers)).stands(**left)
    assert purged.reply.messages == numbers and not purged.reply.more
    assert purged.state.bytes == 4
    first = spec.when(purge(state, 1)).reply
    assert (first.messages, first.more, first.next) == (numbers[:1], True, numbers[0])


def test_bounds_of_a_purge() -> None:
    for state in ("LEASED", "MOVING"):
        queue().when(purge(state)).refuses("BAD_ARGUMENT", "READY, DELAYED, DEAD")
    queue().when(purge("READY", 5_001)).refuses("BAD_ARGUMENT")


def test_one_command_looks_at_so_many_and_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.letters.MAX_LOOKED_AT", 3)
    spec = queue().when(put(*[new(delay_ms=9)] * 5, new()))
    first = spec.when(purge("READY")).then()
    first.answers(MessagesChosen((), True, 3))
    spec.when(purge("READY", after=3)).answers(MessagesChosen((6,), False, 6))
