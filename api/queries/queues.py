"""`queue` and `queues`."""

from collections.abc import Sequence
from typing import cast

import strawberry

from api.context import Context, Info
from api.errors import BadArgument
from api.paging import Page, size_of
from api.queries.moments import QUEUES, known, not_before_all
from api.queries.texts import text_of
from api.types.queue_pages import QueueConnection
from api.types.queues import Queue, queue_now, selects_whole
from api.types.scalars import At, Position
from streams.domain.arguments import shard_name
from streams.log.positions import Position as LogPosition
from streams.projections.queues.reads import KIND, QueueFilter, QueueRow
from streams.projections.reads import Moment


@strawberry.input(description="All that is given must hold.")
class QueueFilterInput:
    """Which queues."""

    name_prefix: str | None = None
    paused: bool | None = None
    dead: bool | None = strawberry.field(default=None, description="Whether it has dead letters.")


async def queue(
    info: Info, name: str, at: At | None = None, not_before: list[Position] | None = None
) -> Queue | None:
    """Return the queue as it is, or was; None: there is, or was, none."""
    context = info.context
    check_queue(context, name)
    await wait_for(context, not_before)
    if at is None:
        return await queue_now(info, name)
    moment = cast("Moment", at)
    await known(context.services, moment, None, QUEUES)
    return cast("Queue | None", await context.queues.queue_at(context.tenant, name, moment))


async def queues(
    info: Info,
    first: int,
    after: str | None = None,
    filter: QueueFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: list[Position] | None = None,
) -> QueueConnection:
    """Return a page of the queues, by name."""
    context, size = info.context, size_of(first)
    seal = context.seal("queues", str)
    key = None if after is None else seal.open(after)[0]
    wanted = QueueFilter()
    if filter is not None:
        wanted = QueueFilter(text_of(filter.name_prefix, "namePrefix"), filter.paused, filter.dead)
    reads = context.queues
    await wait_for(context, not_before)
    found, as_of = await reads.queues(context.tenant, wanted, size, key, whole=selects_whole(info))
    return cast("QueueConnection", Page(found, size, as_of, _key, seal, after))


async def wait_for(context: Context, positions: Sequence[Position] | None) -> None:
    """Return once the read model of queues knows these commits."""
    await not_before_all(context.services, cast("Sequence[LogPosition] | None", positions), QUEUES)


def check_queue(context: Context, name: str, shard: int = 0) -> int:
    """Return the partition of a shard of this queue. Raises `BadArgument` if no queue can have this name."""
    assert context.queues
    if "#" in name:
        raise BadArgument("A # marks shards. Give the queue's name alone.", code="BAD_ARGUMENT")
    return context.services.partition_of(context.tenant, shard_name(name, shard), KIND)


def _key(row: QueueRow) -> tuple[str]:
    return (row.name,)
