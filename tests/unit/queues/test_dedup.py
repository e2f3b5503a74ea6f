"""What a shard remembers: ids of what was put, identities of what was moved here; for how long, and how many."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.queues import commands as c
from tests.unit.queues.spec import NAME, SETTINGS, Spec, accepted, new, put, queue, take

ORIGIN = c.Origin("old", "0.1.2", "r", 3)
HOUR = 3_600_000


def configure(**changed: Any) -> c.ConfigureQueue:
    return c.ConfigureQueue(NAME, 0, replace(SETTINGS, **changed), 0)


def filled(count: int, **settings: Any) -> Spec:
    """A queue that remembers so many ids, put at 0, and has no messages."""
    spec = queue(**settings).when(put(*[new(dedup_id=str(index)) for index in range(count)]))
    return spec.when(c.PurgeMessages(NAME, 0, "", "READY", count))


def test_a_known_dedup_id_is_answered_with_the_first_message() -> None:
    first = queue(dedup_window_ms=100).when(put(new(dedup_id="x"), new(dedup_id="x")))
    first.answers(accepted((1, "ENQUEUED"), (1, "DUPLICATE")))
    first.at(99).when(put(new(dedup_id="x"))).then().answers(accepted((1, "DUPLICATE")))
    first.at(100).when(put(new(dedup_id="x"))).answers(accepted((2, "ENQUEUED")))
    done = first.when(take()).when(c.AckMessages("orders", 0, "", (c.Receipt(1, 3),)))
    done.at(50).when(put(new(dedup_id="x"))).answers(accepted((1, "DUPLICATE")))


def test_dedup_ids_are_forgotten_when_their_window_is_over() -> None:
    spec = queue(dedup_window_ms=100, max_depth=1000)
    for index in range(20):
        spec = spec.at(index * 50).when(put(new(dedup_id=str(index))))
    assert len(spec.state.dedup.known) == len(spec.state.dedup.order) == 2


def test_an_id_that_came_anew_is_not_forgotten_with_its_old_self() -> None:
    spec = queue(dedup_window_ms=10).when(put(*[new(dedup_id=str(index)) for index in range(100)]))
    again = spec.at(20).when(put(new(dedup_id="99")))  # the old one is still in line to be forgotten
    assert len(again.state.dedup.order) > 2
    again.at(21).when(put(new())).at(29).when(put(new(dedup_id="99"))).answers(accepted((101, "DUPLICATE")))


def test_without_a_window_nothing_is_known() -> None:
    queue(dedup_window_ms=0).when(put(new(dedup_id="x"), new(dedup_id="x"))).answers(
        accepted((1, "ENQUEUED"), (2, "ENQUEUED"))
    )


def test_more_dedup_ids_than_a_shard_remembers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.dedup.MAX_DEDUP_IDS", 1)
    queue().when(put(new(dedup_id="x"))).when(put(new(dedup_id="y"))).refuses("QUEUE_FULL", "dedup_window_ms")


def test_those_whose_time_is_over_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.dedup.MAX_DEDUP_IDS", 10)
    full = filled(10, dedup_window_ms=100)
    full.at(99).when(put(new(dedup_id="x"))).refuses("QUEUE_FULL", "dedup_window_ms")
    spec = full.at(100)
    for index in range(25):
        spec = spec.at(100 + index * 10).when(put(new(dedup_id=f"x{index}")))
        spec.answers(accepted((11 + index, "ENQUEUED")))
        assert len(spec.state.dedup.order) <= 10


def test_a_shorter_window_makes_room_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.dedup.MAX_DEDUP_IDS", 10)
    full = filled(10, dedup_window_ms=1_000).at(50).when(put(new(dedup_id="x"))).refuses("QUEUE_FULL")
    spec = full.when(configure(dedup_window_ms=50)).when(put(new(dedup_id="x"), new(dedup_id="1")))
    spec.answers(accepted((11, "ENQUEUED"), (12, "ENQUEUED")))
    assert len(spec.state.dedup.order) == 2


def test_what_the_one_memory_is_full_of_does_not_matter_to_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.dedup.MAX_DEDUP_IDS", 1)
    moved = queue(dedup_window_ms=0).when(put(new(origin=ORIGIN)))
    moved.when(put(new(dedup_id="x"))).answers(accepted((2, "ENQUEUED")))
    other = new(origin=replace(ORIGIN, message="0.1.3"))
    moved.when(put(other)).refuses("QUEUE_FULL", "moved here")
    moved.at(HOUR).when(put(other)).answers(accepted((2, "ENQUEUED")))
    filled(1).when(put(other)).answers(accepted((2, "ENQUEUED")))


def test_a_move_is_known_for_an_hour_whatever_it_is_called() -> None:
    spec = queue(dedup_window_ms=0).when(put(new(dedup_id="a", origin=ORIGIN)))
    again = put(new(dedup_id="b", origin=replace(ORIGIN, reason="another")))
    spec.at(HOUR - 1).when(again).answers(accepted((1, "DUPLICATE")))
    spec.at(HOUR).when(again).answers(accepted((2, "ENQUEUED")))
    spec.when(put(new(origin=replace(ORIGIN, subscription="s")))).answers(accepted((2, "ENQUEUED")))


def test_whoever_guesses_the_id_of_a_move_does_not_keep_it_out() -> None:
    move = new(dedup_id="tidelock-move:old:0.1.2", origin=ORIGIN)
    guessed = queue().when(put(replace(move, origin=None), new(dedup_id="old 0.1.2")))
    guessed.when(put(move)).answers(accepted((3, "ENQUEUED")))


def test_where_nothing_is_kept_nothing_is_remembered() -> None:
    spec = queue(broadcast=True)
    for index in range(3):
        spec = spec.when(put(new(dedup_id=str(index))))
    assert len(spec.state.dedup.order) == len(spec.state.dedup.known) == 0
    spec = spec.when(put(new(dedup_id="x"))).when(c.AddSubscription(NAME, 0, "s"))
    spec.when(put(new(dedup_id="x"))).answers(accepted((5, "ENQUEUED")))
