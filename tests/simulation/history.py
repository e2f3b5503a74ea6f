"""One history: a seed, a world, some seconds of faults, then peace in which every command must be answered."""

import gc
import random as module_random
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import sha256
from random import Random
from typing import Any
from unittest.mock import patch

from streams.log import answers, envelope
from streams.log.reader import PartitionReader
from streams.wire.keys import key_of
from tests.simulation.clients import Client
from tests.simulation.faults import draw
from tests.simulation.havoc import Havoc
from tests.simulation.invariants import MAX_FAR_CLIENTS
from tests.simulation.locks.subject import LockSubject
from tests.simulation.loop import Livelock, SimLoop
from tests.simulation.network import TENANT
from tests.simulation.partition import Partition
from tests.simulation.subject import Subject
from tests.simulation.world import World

REMEMBERED = 1024
"""So many records of a history's logs are decoded only once, though many read them: they are values."""


@dataclass(slots=True)
class Result:
    """How a history went."""

    seed: int
    violations: list[str]
    decisions: int
    answers: int
    steps: int
    seconds: float
    trace_hash: str
    trace: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """In a line, for people."""
        return f"{self.decisions} decisions, {self.answers} answers, {self.steps} steps, {self.seconds:.1f} s simulated"


def run(
    seed: int,
    subjects: Callable[[], Sequence[Subject]] = lambda: [LockSubject()],
    *,
    without: Sequence[str] = (),
    trace: bool = False,
) -> Result:
    """Run the history of `seed` over these subjects; the same seed gives the same history, always.

    `without`: faults that it does not know.
    """
    _freeze_modules()
    gc.disable()
    try:
        return _history(seed, subjects(), without, trace)
    finally:
        gc.collect(0)
        gc.enable()


def _history(seed: int, subjects: Sequence[Subject], without: Sequence[str], trace: bool) -> Result:
    outer = module_random.getstate()
    module_random.seed(seed)  # the client library draws its pauses there
    try:
        records = envelope._records()
        with (
            patch.object(answers, "MAX_FAR_CLIENTS", MAX_FAR_CLIENTS),
            patch.object(records, "decode", lru_cache(REMEMBERED)(records.decode)),
        ):
            return _world(seed, subjects, without, trace)
    finally:
        module_random.setstate(outer)


def _world(seed: int, subjects: Sequence[Subject], without: Sequence[str], trace: bool) -> Result:
    random = Random(seed)
    suffered = draw(random)
    for name in without:
        setattr(suffered, name, 0.0)
    world = World(random, suffered, *subjects, keep_trace=trace)
    faults = [str(world.faults)] if trace else []
    try:
        _run(world)
    except Livelock as error:
        world.any_partition().judge.fail(str(error))
    judges = [partition.judge for partition in world.partitions.values()]
    result = Result(
        seed,
        world.violations,
        sum(judge.oracle.decisions for judge in judges),
        sum(judge.answers for judge in judges),
        world.loop.steps,
        world.loop.now,
        _hash(world),
        world.events + faults,
    )
    _bury(world.loop)
    return result


@cache
def _freeze_modules() -> None:
    """Take what is imported out of the garbage collector's sight: it collects after every history."""
    gc.collect()
    gc.freeze()


def _run(world: World) -> None:
    random, loop = world.random, world.loop
    world.assign(world.start_worker())
    for _ in range(random.randint(0, 2)):
        world.start_worker()
    for partition in world.partitions.values():
        partition.subject.start(partition)
    havoc = Havoc(world)
    havoc.begin()
    loop.run(random.uniform(2.0, 12.0))
    havoc.over = True
    _peace(world)


def _peace(world: World) -> None:
    random, loop = world.random, world.loop
    world.faults.none()
    world.broker.skew_ms = 0
    for worker in world.workers:
        worker.process.crash_after = -1
        worker.process.thaw()
        worker.freezes = [(begin, min(end, loop.now)) for begin, end in worker.freezes]
        for ports in worker.ports:
            ports.resolve()
    fit = [w for w in world.alive() if w.max_level == 2 and abs(w.skew_ms) < 240_000 and not w.closed]
    chosen = random.choice(fit) if fit and random.random() < 0.5 else world.start_worker(sound=True)
    world.assign(chosen, everything=True)
    for client in world.clients:
        client.process.thaw()
        client.stopping = True
    for user in world.users:
        user.process.thaw()
        user.machine.stopping = True
    for partition in world.partitions.values():
        partition.subject.calm(partition)
    end = loop.now + world.peace_s
    loop.run(loop.now + 0.5)
    while loop.now < end and not loop.halted and _all_owed(world):
        loop.run(loop.now + 0.5)
    if not loop.halted:
        _settled(world)


def _settled(world: World) -> None:
    fail = next(iter(world.partitions.values())).judge.fail
    for name, owed in _all_owed(world):
        fail(f"{name} has no answer after {world.peace_s} s of peace: {owed}")
    for error in [*world.loop.errors, *world.loop.forgotten_errors()]:
        fail(error)
    for partition in world.partitions.values():
        _reads_again(world, partition)


def _reads_again(world: World, partition: Partition) -> None:
    judge = partition.judge
    letters = {offset for where, offset, _ in world.letters.letters if where == partition.where}
    for offset in judge.dead_letters:
        if offset not in letters:
            judge.fail(f"undecodable command {offset} was decided, but is not among the dead letters")
    replayed = PartitionReader(partition.where, partition.vocabulary, 2)
    if world.random.random() < 0.1:
        for stored in partition.log.records:
            replayed.read(stored.offset, stored.value)
        judge.same(replayed, "a replay")


def _all_owed(world: World) -> list[tuple[str, list[Any]]]:
    owed = [(client.name, _owed(client)) for client in world.clients]
    owed += [(user.name, user.owed()) for user in world.users if not user.process.dead]
    for partition in world.partitions.values():
        undecided = partition.judge.undecided()
        owed += partition.subject.owed(partition)
        owed += [(f"the topic lane of {partition.where}", [undecided] if undecided else [])]
    return [(name, these) for name, these in owed if these]


def _owed(client: Client) -> list[Any]:
    """Return the calls that must still be answered; a wait on a key whose timer failed is parked, by design."""
    partition = client.partition
    parked, kind = partition.judge.tail.state.parked, partition.vocabulary.kind
    return [
        c
        for c in client.open.values()
        if not (c.waiting and key_of(TENANT, kind.key_of(c.command)) in parked)
    ]


def _hash(world: World) -> str:
    digest = sha256()
    answers = 0
    for partition in world.partitions.values():
        answers += partition.judge.answers
        for stored in partition.log.records:
            digest.update(f"{stored.offset} {stored.timestamp_ms} ".encode() + (stored.value or b"null"))
    digest.update(f"{world.loop.steps} {world.loop.now} {answers}".encode())
    return digest.hexdigest()


def _bury(loop: SimLoop) -> None:
    """End every coroutine now: they raise GeneratorExit, and what they do then is no news."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # an end that starts something new
            loop.close()
    finally:
        sys.unraisablehook = hook
