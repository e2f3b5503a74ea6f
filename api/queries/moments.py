"""`at` and `notBefore`: the moments that a question names, and waiting until a read model knows them."""

import asyncio
import time
from collections.abc import Sequence
from operator import attrgetter

from api.errors import BadPosition, BadTime, ProjectionBehind
from api.services import Services
from streams.domain.value import value
from streams.log.positions import PartitionId, Position
from streams.projections.floor import need
from streams.projections.reads import Moment

WITHIN_S = 5.0
"""How long a question waits for a read model."""
RETRY_MS = 500


@value
class ReadModel:
    """Which read model of which kind must know the moment."""

    kind: str
    projection: str


LOCKS = ReadModel("locks", "locks")
QUEUES = ReadModel("queues", "queues")
NODES = ReadModel("nodes", "nodes")
CACHES = ReadModel("caches", "caches")
AUDITS = {
    "locks": ReadModel("locks", "audit"),
    "queues": ReadModel("queues", "queue_audit"),
    "nodes": ReadModel("nodes", "node_audit"),
    "caches": ReadModel("caches", "cache_audit"),
}


async def not_before(services: Services, position: Position | None, model: ReadModel = LOCKS) -> None:
    """Return once the projection knows the commit at `position`. Raises `ProjectionBehind`, `BadPosition`."""
    if position is not None:
        _check(services, position, model)
        await _reach(services, model, position)


MAX_POSITIONS = 64
"""As many as a queue has shards."""


async def not_before_all(services: Services, positions: Sequence[Position] | None, model: ReadModel) -> None:
    """Return once the projection knows all these commits. Raises as `not_before` does."""
    if positions is None:
        return
    if len(positions) > MAX_POSITIONS:
        raise BadPosition(f"`notBefore` has {len(positions)} positions. Give up to {MAX_POSITIONS}.")
    for position in positions:
        _check(services, position, model)
    newest: dict[PartitionId, Position] = {}
    for position in sorted(positions, key=attrgetter("offset")):
        newest[position.partition] = position
    await asyncio.gather(*(_reach(services, model, position) for position in newest.values()))


async def known(
    services: Services, at: Moment | None, partition: int | None, model: ReadModel = LOCKS
) -> None:
    """Return once the read model knows all of `at`. Raises `BadTime`, `BadPosition`, `ProjectionBehind`.

    `partition`: the one that the question is about; None: all of them.
    """
    if isinstance(at, Position):
        _check(services, at, model)
        if partition is not None and at.partition.partition != partition:
            raise BadPosition(
                f"`at` is a position of {at.partition}, and what is asked for is decided in "
                f"{PartitionId(model.kind, partition)}. "
                "Give a position of that one, or a time."
            )
        await _reach(services, model, at)
    elif at is not None:
        if at > time.time() * 1000:
            raise BadTime("`at` is still to come. Give a time that has passed, or none for now.")
        numbers = range(services.partitions[model.kind]) if partition is None else (partition,)
        await _cover(services, at, [PartitionId(model.kind, number) for number in numbers], model)


async def _cover(services: Services, time_ms: int, several: list[PartitionId], model: ReadModel) -> None:
    """Wait until the projection knows all that was committed by `time_ms`."""
    told = await services.standings.projected()
    stands = {one.stand.where: one.stand for one in told if one.projection == model.projection}
    for where in several:
        stand = stands.get(where)
        if stand is None or stand.time_ms <= time_ms:
            last = await services.log_ends.after(where, time_ms) - 1
            if last >= 0:
                await _reach(services, model, Position(where, last))
        else:
            need(model.projection, where, stand.next_offset)


def _check(services: Services, position: Position, model: ReadModel) -> None:
    where, kind, count = position.partition, model.kind, services.partitions[model.kind]
    if where.kind != kind or where.partition >= count:
        raise BadPosition(
            f"There is no partition {where}, only {kind}/0 to {kind}/{count - 1}. "
            "Give a position as an answer told it."
        )


async def _reach(services: Services, model: ReadModel, position: Position) -> None:
    where, wanted = position.partition, position.offset + 1
    if await services.progress.reach(model.projection, where, wanted, 0):
        return
    ends = await services.log_ends.ends([where])
    if wanted > ends[where]:
        raise BadPosition(
            f"{position} is beyond the end of the log, which is at offset {ends[where]}. "
            "Give a position as an answer told it."
        )
    if not await services.progress.reach(model.projection, where, wanted, WITHIN_S):
        raise ProjectionBehind(
            f"The read model did not get to {position} within {WITHIN_S:.0f} s. Try again; "
            "`tidelock projection list` shows how far it is.",
            retry_after_ms=RETRY_MS,
            position=str(position),
        )
