"""One key of any kind by its log alone: the state that its owner holds, and every decision that concerns it."""

from __future__ import annotations

import pytest

from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.reader import UnknownEvent
from streams.replay.history import decisions_on, outcome_of
from streams.replay.resource import KeyChronicle, KeyDecision, KeyDecisions
from tests.unit.engine import toy
from tests.unit.engine.harness import World, running, until
from tests.unit.engine.toy import Add, Arm, Beat, Put, Take
from tests.unit.replay.logbook import KEY, WHERE, WORDS, Logbook, decision, granted, waiting
from tests.unit.replay.logbook import timer as rang

KEYS = ("dev/a", "dev/b", "dev/c", "dev/beats", "dev/nobody")


async def played() -> World:
    """Counted, armed, rung, beaten, a timer that failed: everything the toy has, on three keys."""
    async with running(World()) as world:
        for command in (Add("a", 1), Put("b", b"payload"), Add("a", 2), Take("b"), Arm("b", 50, "mine")):
            await world.ask(command)
        await world.ask(Arm("a", 10))
        for name in "acc":
            world.send(Beat(name))
        world.clock.now += 400
        await until(lambda: world.owner.queued == 0)
        await until(lambda: bool(world.owner.reader.state.parked))
        await world.ask(Add("c", 5))
    return world


def commits(world: World) -> list[AcceptedCommit]:
    reader = CommitReader(world.where, toy.VOCABULARY)
    read = [reader.read(stored) for stored in world.broker.log.records]
    return [one for one in read if one is not None]


async def test_a_key_is_what_its_owner_holds_events_that_spread_and_timers_that_fail_too() -> None:
    world = await played()
    state = world.walked().state
    assert state.parked.keys() == {"dev/b"}
    assert state.keys.keys() == {"dev/a", "dev/b", "dev/c"}
    for key in KEYS:
        chronicle = KeyChronicle(key, toy.VOCABULARY)
        for accepted in commits(world):
            chronicle.commit(accepted)
        assert chronicle.state == state.keys.get(key), key
        assert chronicle.failed_timer == state.parked.get(key), key
        assert chronicle.used == (key != "dev/nobody")


async def test_a_beat_belongs_to_whom_it_reached() -> None:
    world = await played()
    told = {key: decisions(world, key) for key in KEYS}
    (beat,) = [one for one in told["dev/c"] if one.cause.command == "Beats"]
    assert (beat.key, beat.reply, beat.events[0].names) == ("dev/beats", None, ("a", "c"))
    assert beat.cause in [one.cause for one in told["dev/a"]]
    assert beat.cause not in [one.cause for one in told["dev/b"]]


def decisions(world: World, key: str) -> list[KeyDecision]:
    found = KeyDecisions(key, toy.VOCABULARY)
    return [one for accepted in commits(world) for one in found.of(accepted)]


async def test_the_history_of_a_key_is_the_same_from_any_mark() -> None:
    world = await played()
    all_of_it = decisions(world, "dev/a")
    reader = CommitReader(world.where, toy.VOCABULARY)
    for stored in world.broker.log.records:
        mark = reader.checkpoint
        log = world.broker.log
        later = [
            one
            async for _, some in decisions_on(
                "dev/a", log, world.where, toy.VOCABULARY, mark, len(log.records)
            )
            for one in some
        ]
        assert later == [one for one in all_of_it if one.cause.position.offset >= mark.next_offset]
        reader.read(stored)


def test_who_only_looks_does_not_use() -> None:
    for command, used in (("InspectLock", False), ("AcquireLock", True)):
        chronicle = KeyChronicle(KEY, WORDS)
        book = Logbook().begun().commit(decision(1, command=command))
        reader = CommitReader(WHERE, WORDS)
        for stored in book.records:
            accepted = reader.read(stored)
            if accepted is not None:
                chronicle.commit(accepted)
        assert chronicle.used == used


def test_outcomes_are_answers_codes_or_nothing() -> None:
    book = Logbook().begun().commit(waiting(1, 1)).commit(rang(granted(2, ticket=1)))
    reader, of_key = CommitReader(WHERE, WORDS), KeyDecisions(KEY, WORDS)
    read = [reader.read(stored) for stored in book.records]
    told = [one for accepted in read if accepted is not None for one in of_key.of(accepted)]
    assert [(outcome_of(one), one.waiting) for one in told] == [("LockWaiting", True), ("", False)]


def test_what_cannot_be_read_is_told_with_its_position() -> None:
    book = Logbook().begun().commit(decision(1, reply=None, events=(WORDS.encode_event(granted(1))[:-1],)))
    reader, of_key = CommitReader(WHERE, WORDS), KeyDecisions(KEY, WORDS)
    read = [reader.read(stored) for stored in book.records]
    with pytest.raises(UnknownEvent, match="locks/0@2"):
        list(of_key.of(next(one for one in read if one is not None)))
