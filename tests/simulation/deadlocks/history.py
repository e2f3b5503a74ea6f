"""One history of deadlocks: a seed, a world, some seconds of faults, then peace in which no circle may stay."""

import gc
import random as module_random
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from unittest.mock import patch

from tests.simulation.deadlocks.world import PARTITIONS, World
from tests.simulation.faults import draw
from tests.simulation.history import _bury, _freeze_modules
from tests.simulation.loop import Livelock
from tidelock.client import client

PEACE_S = 20.0


class Secrets:
    """Stands for the module `secrets` in the client library: ids of transactions come from the seed."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def token_hex(self, count: int) -> str:
        return self._random.randbytes(count).hex()


@dataclass(slots=True)
class Result:
    """How a history went."""

    seed: int
    violations: list[str]
    decisions: int
    aborts: int
    steps: int
    trace_hash: str
    trace: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """In a line, for people."""
        return f"{self.decisions} decisions, {self.aborts} aborts, {self.steps} steps"


def run(seed: int, *, trace: bool = False) -> Result:
    """Run the history of `seed`; the same seed gives the same history, always."""
    _freeze_modules()
    gc.disable()
    outer = module_random.getstate()
    module_random.seed(seed)  # the client library draws its pauses there
    try:
        return _history(seed, trace)
    finally:
        module_random.setstate(outer)
        gc.collect(0)
        gc.enable()


def _history(seed: int, trace: bool) -> Result:
    random = Random(seed)
    world = World(random, draw(random), keep_trace=trace)
    judge = world.judge
    with patch.object(client, "secrets", Secrets(random)):
        try:
            _run(world)
        except Livelock as error:
            judge.fail(str(error))
    result = Result(
        seed, [*judge.violations], judge.decisions, judge.aborts, world.loop.steps, _hash(world), world.events
    )
    _bury(world.loop)
    return result


def _run(world: World) -> None:
    random, loop = world.random, world.loop
    for _ in range(random.randint(1, 2)):
        world.start_worker()
    world.assign()
    for _ in range(random.randint(1, 2)):
        world.start_user()
    for _ in range(random.randint(1, 2)):
        world.start_detector()
    world.begin_havoc()
    loop.run(random.uniform(2.0, 10.0))
    world.peace()
    end = loop.now + PEACE_S
    while loop.now < end and not loop.halted and not world.at_rest():
        loop.run(loop.now + 0.5)
        world.judge.look_for_overdue()
    if not loop.halted:
        for error in [*loop.errors, *loop.forgotten_errors()]:
            world.judge.fail(error)


def _hash(world: World) -> str:
    digest = sha256()
    for where in PARTITIONS:
        for stored in world.topic(where).records:
            digest.update(f"{stored.offset} {stored.timestamp_ms} ".encode() + (stored.value or b"null"))
    digest.update(f"{world.loop.steps} {world.loop.now}".encode())
    return digest.hexdigest()
