"""Movers that are killed, several at once, over lanes that lose commands and answers: each message arrives once."""

import asyncio
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.queues import commands as c
from streams.processes import follower
from streams.processes.lane import LaneRefused
from streams.processes.mover import pauses
from streams.processes.mover import process as shell
from tests.property.processes.mover_world import World, mover

PATIENCE_S = 30.0
TARGETS = ("dead", "small", "narrow", "never", "wide")
SOURCES = ("orders", "letters")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RETRY_S", 0.0)
    monkeypatch.setattr(shell, "HOLD_BACK_S", 0.0)
    monkeypatch.setattr(pauses, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(pauses, "LONGEST_PAUSE_S", 0.0)


def begun(random: Random) -> World:
    world = World()
    for source in SOURCES:
        world.create(source, max_attempts=1, dead_letter_queue=random.choice((*TARGETS, None)))
    world.create("dead")
    world.create("small", max_depth=4)
    world.create("narrow", max_payload_bytes=3)
    world.create("wide", shards=2)
    return world


class Life:
    """What people do meanwhile."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self.sent: Counter[bytes] = Counter()
        self.taken: Counter[bytes] = Counter()

    def step(self) -> None:
        """Do one thing."""
        random, source = self._random, self._random.choice(SOURCES)
        match random.randrange(6):
            case 0 | 1:
                payload = b"%d" % (len(self.sent) * random.choice((1, 1000)))
                self.sent[payload] += 1
                self._world.enqueue(source, payload, group=random.choice((None, "g")))
            case 2 | 3:
                self._kill(source)
            case 4:
                to = random.choice((*TARGETS, None))
                self._world.do(
                    c.RedriveMessages(source, 0, "", (), None, None, to, random.randint(1, 5), False)
                )
            case _:
                self._take("small", 2)

    def _kill(self, source: str) -> None:
        self._world.kill(source, self._random.randint(1, 5))

    def _take(self, queue: str, count: int) -> None:
        """Take messages out of a queue, so that there is room, and keep them in mind."""
        got = self._world.do(c.ReceiveMessages(queue, 0, "", count, 0, 0))
        bodies = self._world.attached(queue, got)
        if got.messages:
            receipts = tuple(c.Receipt(each.message, got.token) for each in got.messages)
            self._world.do(c.AckMessages(queue, 0, "", receipts))
        self.taken += Counter(body.payload for body in bodies)

    def drain(self) -> None:
        """Make room where something waits for it."""
        self._take("small", 4)


async def history(seed: int, trouble: int) -> None:
    random = Random(seed)
    world = begun(random)
    life = Life(world, random)
    movers: dict[str, asyncio.Task[None]] = {}

    def start(name: str) -> None:
        movers[name] = asyncio.create_task(mover(world, name, random, trouble)[0].run())

    for each in ("m0", "m1"):
        start(each)
    for number in range(120):
        try:
            life.step()
        except LaneRefused as refused:
            assert refused.refusal in {"RECEIPT_INVALID", "BAD_ARGUMENT"}, refused
        for _ in range(random.randrange(20)):
            await asyncio.sleep(0)
        if random.randrange(15) == 0:
            name = random.choice(list(movers))
            movers.pop(name).cancel()
            start(f"m{number + 2}")
    while any(map(world.moving, SOURCES)):
        life.drain()
        await asyncio.sleep(0)
    for task in movers.values():
        assert not task.done(), task
        task.cancel()
    await asyncio.gather(*movers.values(), return_exceptions=True)
    check(world, life)


def check(world: World, life: Life) -> None:
    found = Counter(life.taken)
    for name in (*SOURCES, "dead", "small", "narrow", "wide", "wide#1"):
        found += Counter(body.payload for body in world.found(name))
    assert found == life.sent
    assert all(len(body.payload) <= 3 for body in world.found("narrow"))
    report = world.book.verified()
    assert report.violations == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((0, 10, 40)))
def test_each_message_is_in_one_place_at_the_end_whatever_happens(seed: int, trouble: int) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await history(seed, trouble)

    asyncio.run(bounded())
