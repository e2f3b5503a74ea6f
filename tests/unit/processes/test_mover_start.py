"""Where a mover begins: where the read model stands, with what was on its way there; or at the log's start."""

import asyncio

from storage.memory.moving import MemoryMovingReads
from storage.memory.projections import MemoryProjectionStore
from streams.domain.queues import commands as c
from streams.log.accepted import CommitReader
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.processes.mover.moves import Moves
from streams.processes.start import begin_at_the_start, begin_where_moves_are_known
from streams.projections.ports import SinkUnavailable
from streams.projections.queues.moving import Moving, MovingReads
from streams.projections.queues.projections import QUEUES
from tests.property.processes.mover_world import World, mover
from tests.unit.replay.queue_logbook import HERE, WORDS

PATIENCE_S = 10.0


class Away:
    """A database that cannot be reached."""

    async def moving(self, tenant: str, where: PartitionId) -> Moving:
        raise SinkUnavailable(f"{tenant} {where}")


def with_letters() -> World:
    world = World()
    world.create("orders", max_attempts=1, dead_letter_queue="dead")
    world.create("dead")
    world.create("late")
    world.enqueue("orders", b"1", b"2", b"3")
    world.kill("orders", 3)
    life = world.state("orders").incarnation
    world.do(c.ConfirmMoves("orders", 0, "", life, (), (c.MoveFailure(2, "no"),), "dead"))
    world.do(c.RedriveMessages("orders", 0, "", (2,), None, None, "late", 1, False))
    return world


async def projected(world: World) -> MovingReads:
    """Return the read model of the world's log so far."""
    store, fold, reader = MemoryProjectionStore(), QUEUES.fold(HERE, WORDS), CommitReader(HERE, WORDS)
    for stored in world.book.records:
        accepted = reader.read(stored)
        if accepted is not None:
            fold.commit(accepted)
    await store.write(QUEUES, HERE, START, reader.checkpoint, fold.take())
    return MemoryMovingReads(store)


async def begun(reads: MovingReads, tenant: str = "dev") -> tuple[list[CommitReader], Moves]:
    moves = Moves()
    readers = begin_at_the_start([HERE], WORDS)
    return await begin_where_moves_are_known(reads, moves, tenant, readers, WORDS), moves


async def test_it_begins_where_the_read_model_stands_with_what_is_on_its_way() -> None:
    world = with_letters()
    here = await begun(await projected(world))
    assert [each.next_offset for each in here[0]] == [len(world.book.records)]
    assert list(here[1].moving.values()) == [3]
    world.enqueue("orders", b"4")
    world.kill("orders", 1)
    one, _ = mover(world, begun=here)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(PATIENCE_S):
        while world.moving("orders") or one.state.moving:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [body.payload for body in world.found("dead")] == [b"1", b"3", b"4"]
    assert [body.payload for body in world.found("late")] == [b"2"]


async def test_of_another_tenant_it_begins_with_nothing() -> None:
    world = with_letters()
    readers, moves = await begun(await projected(world), "other")
    assert [each.next_offset for each in readers] == [len(world.book.records)]
    assert not moves.lanes()


async def test_without_the_read_model_it_begins_at_the_start() -> None:
    for reads in (Away(), MemoryMovingReads(MemoryProjectionStore())):
        readers, moves = await begun(reads)
        assert [each.next_offset for each in readers] == [0]
        assert not moves.lanes()
