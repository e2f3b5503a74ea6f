"""Topics that lose or change records: the partition closes, and after three attempts in a row it is quarantined."""

from collections.abc import Callable
from random import Random

import pytest

from streams.log.envelope import encode
from streams.log.ports import Stored
from streams.log.records import Claim
from tests.simulation.faults import Faults
from tests.simulation.locks.clients import LockClient
from tests.simulation.locks.subject import WHERE, LockSubject
from tests.simulation.loop import Process
from tests.simulation.partition import Partition
from tests.simulation.worker import Worker
from tests.simulation.world import World

pytestmark = pytest.mark.simulation

Damage = Callable[[World], None]


def _locks(world: World) -> Partition:
    return world.partitions[WHERE]


def _truncate_log(world: World) -> None:
    del _locks(world).log.records[-5:]


def _rewrite_log(world: World) -> None:
    records = _locks(world).log.records
    last = records[-1]
    records[-1] = Stored(last.offset, last.timestamp_ms, b"another record")


def _truncate_commands(world: World) -> None:
    del _locks(world).commands.records[-1:]


def _rewrite_commands(world: World) -> None:
    records = _locks(world).commands.records
    records[-1] = Stored(records[-1].offset, records[-1].timestamp_ms, b"another command")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (_truncate_log, "LOG_SHRANK"),
        (_rewrite_log, "LOG_REWRITTEN"),
        (_truncate_commands, "COMMANDS_MISMATCH"),
        (_rewrite_commands, "COMMANDS_MISMATCH"),
    ],
)
def test_a_partition_whose_topic_lost_records_is_quarantined(damage: Damage, code: str) -> None:
    world, worker, errors = _busy_world()
    _locks(world).log.observers.clear()
    damage(world)
    _locks(world).log.land(encode(Claim(bytes(16), "elsewhere", "0", 2)))
    world.loop.run(world.loop.now + 6.0)
    assert worker.owners[WHERE].phase == "quarantined"
    assert errors[-3:] == [code] * 3


def test_an_undamaged_partition_is_claimed_again() -> None:
    world, worker, errors = _busy_world()
    _locks(world).log.land(encode(Claim(bytes(16), "elsewhere", "0", 2)))
    world.loop.run(world.loop.now + 6.0)
    assert worker.owners[WHERE].phase == "leading"
    assert set(errors) == {"FENCED"}
    assert not world.violations


def _busy_world() -> tuple[World, Worker, list[str]]:
    """Return a world that has decided commands of both lanes, its worker, and the codes of the owner's troubles."""
    faults = Faults(p_topic_lane=0.5)
    world = World(Random(1), faults, LockSubject())
    errors: list[str] = []
    worker = world.start_worker(sound=True)
    _locks(world).judge.troubled = lambda error: errors.append(getattr(error, "code", repr(error)))  # type: ignore[method-assign]
    world.assign(worker)
    _locks(world).start_clients(LockClient, 2)
    world.loop.run(5.0)
    assert _locks(world).judge.oracle.last_source >= 0
    assert isinstance(worker.process, Process)
    world.faults.none()
    return world, worker, errors
