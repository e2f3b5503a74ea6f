"""Rewinding random histories of the real decider: at every position what the owner held, and spells that fit it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import given, settings

from schemas.meta import CommandMeta
from streams.domain.decider import Decision, Requester, Tick
from streams.domain.locks.commands import Command
from streams.domain.locks.events import Event
from streams.domain.locks.replies import Reply
from streams.domain.locks.state import Lock
from streams.log.positions import Position
from streams.log.reader import PartitionReader
from streams.log.records import Lane, LoggedDecision
from streams.replay.locks.chronicle import LockChronicle
from streams.replay.locks.spells import Spell
from streams.replay.locks.story import story
from streams.replay.moment import AtEnd, AtPosition, AtTime, Target, Walk
from tests.property.locks.test_properties import STEPS
from tests.property.locks.world import Limits, Step, World
from tests.unit.replay.logbook import KEY, WHERE, WORDS, Logbook
from tidelock.cli.spell_facts import spell_facts

EXAMPLES = settings(max_examples=40, deadline=None)


class Logged(World):
    """A world whose decisions are logged as an owner would, with strangers' records in between."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.book = Logbook().begun()
        self.held: dict[int, Lock] = {}
        """The decider's own state after each commit, by offset."""
        self._open: list[LoggedDecision] = []

    def _decide(self, command: Command | Tick, who: Requester) -> Decision[Event, Reply]:
        decision = super()._decide(command, who)
        meta = CommandMeta(1, "dev", who.client, who.sequence, who.handle, self.now, 10**9)
        lane: Lane = "TIMER" if isinstance(command, Tick) else "DIRECT"
        events = tuple(map(WORDS.encode_event, decision.events))
        reply = b"" if isinstance(command, Tick) else WORDS.encode_reply(decision.reply)
        self._open.append(LoggedDecision(
            lane, who.principal, meta, b"", type(command).__name__, KEY, decision.waiting, events, reply
        ))  # fmt: skip
        return decision

    def step(self, step: Step) -> None:
        """Play it; a commit takes one step's decisions or those of several, always of one lease time."""
        if step.verb == "pass":
            self.flush()
        self.play(step)
        if step.pick % 3:
            self.flush()
        if step.pick % 7 == 0:
            self.book.write(b"a stranger's")

    def flush(self) -> None:
        """Commit what is decided."""
        self.book.commit(*self._open, lease_ms=self.now)
        self.held[len(self.book.records) - 1] = self.state
        self._open = []


def played(steps: list[Step]) -> Logged:
    with Limits().applied():
        world = Logged(Limits())
        for step in steps:
            world.step(step)
        world.flush()
    return world


def rewound(world: Logged, target: Target, ended: list[Spell] | None = None) -> tuple[LockChronicle, Walk]:
    chronicle = LockChronicle(KEY, WORDS, ([] if ended is None else ended).append)
    walk = Walk(WHERE, WORDS, target, chronicle.commit)
    for stored in world.book.records:
        if not walk.take(stored):
            break
    return chronicle, walk


@given(steps=STEPS)
@EXAMPLES
def test_at_every_position_it_is_what_the_owner_held(steps: list[Step]) -> None:
    world = played(steps)
    owner = PartitionReader(WHERE, WORDS)
    for stored in world.book.records:
        owner.read(stored.offset, stored.value)
        for target in (AtPosition(Position(WHERE, stored.offset)), AtTime(stored.timestamp_ms)):
            chronicle, walk = rewound(world, target)
            assert chronicle.at().lock == owner.state.state_of(KEY)
            assert (walk.arrived().head, walk.arrived().commits) == (owner.head.head, owner.head.n)
            assert dict(walk.arrived().voids) == dict(owner.voids)
        if stored.offset in world.held:
            assert chronicle.at().lock == world.held[stored.offset]


@given(steps=STEPS)
@EXAMPLES
def test_the_spells_open_at_every_position_are_its_holders_and_waiters(steps: list[Step]) -> None:
    world, ended = played(steps), list[Spell]()
    chronicle, _ = rewound(world, AtEnd(), ended)
    spells = [*ended, *chronicle.at().holds, *chronicle.at().waits]
    for offset, lock in world.held.items():
        still = {_terms(spell) for spell in spells if _is_open(spell, offset)}
        assert still == set(_of_state(lock))


@given(steps=STEPS)
@EXAMPLES
def test_every_spell_ends_once_after_it_began_and_every_moment_has_a_story(steps: list[Step]) -> None:
    world, ended = played(steps), list[Spell]()
    chronicle, walk = rewound(world, AtEnd(), ended)
    begun = [(s.party.role, s.party.number, s.began.position.offset, s.began.index) for s in ended]
    assert len(set(begun)) == len(begun)
    assert all(spell.ended and spell.lasted_ms(0) >= 0 for spell in ended)
    for spell in ended:
        assert json.loads(json.dumps(spell_facts(spell, 0)))["role"] == spell.party.role
    positions = {
        line.position.offset for section in story(chronicle, walk.arrived()) for line in section.lines
    }
    assert positions <= world.held.keys()
    if chronicle.used:
        told = " ".join(line.text for section in story(chronicle, walk.arrived()) for line in section.lines)
        names = [spell.party.handle for spell in (*chronicle.at().holds, *chronicle.at().waits)]
        assert all(f"/{name}" in told for name in names)


def _is_open(spell: Spell, offset: int) -> bool:
    ending = spell.ended
    return spell.began.position.offset <= offset and (ending is None or ending.cause.position.offset > offset)


def _terms(spell: Spell) -> tuple[object, ...]:
    one = spell.party
    return (one.role, one.number, one.principal, one.client, one.handle, one.mode, spell.upgrade_of)


def _of_state(lock: Lock) -> Iterator[tuple[object, ...]]:
    for h in lock.holders:
        yield ("HOLDER", h.token, h.principal, h.client, h.handle, h.mode, None)
    for w in lock.waiters:
        yield ("WAITER", w.ticket, w.principal, w.client, w.handle, w.mode, w.upgrade_of)


def test_the_histories_reach_what_they_should() -> None:
    """Else the properties above would hold for nothing."""
    steps = [
        Step("acquire", 1, mode="SHARED", ttl_ms=100_000), Step("acquire", 2, mode="SHARED", ttl_ms=100_000),
        Step("upgrade", 1, pick=1, wait_ms=200), Step("release", 2, pick=1), Step("downgrade", 1, pick=1),
    ]  # fmt: skip
    ended: list[Spell] = []
    rewound(played(steps), AtEnd(), ended)
    assert [spell.ended.how for spell in ended if spell.ended] == [
        "RELEASED",
        "GRANTED",
        "UPGRADED",
        "DOWNGRADED",
    ]
