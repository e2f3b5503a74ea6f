"""`messages`, `deadLetters` and `message`."""

from dataclasses import replace
from typing import cast

import strawberry

from api.context import Info
from api.errors import BadArgument
from api.paging import Page, size_of
from api.queries.moments import QUEUES, known
from api.queries.queues import check_queue, wait_for
from api.queries.texts import text_of
from api.types.asof import AsOf
from api.types.messages import (
    Message,
    MessageConnection,
    MessageRecord,
    MessageState,
    MessageStep,
)
from api.types.scalars import At, Position
from streams.domain.queues.limits import MAX_SHARDS
from streams.projections.queues.reads import MessageFilter, MessageRef, MessageRow
from streams.projections.reads import Moment
from tidelock.client.errors import BadArgument as NoMessageId
from tidelock.client.queues.ids import MessageId


@strawberry.input(description="All that is given must hold.")
class MessageFilterInput:
    """Which messages."""

    group: str | None = None
    reason: str | None = strawberry.field(
        default=None, description="Those that failed last for a reason that holds this text."
    )
    shard: int | None = None


async def messages(
    info: Info,
    queue: str,
    first: int,
    after: str | None = None,
    subscription: str = "",
    state: MessageState | None = None,
    filter: MessageFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: list[Position] | None = None,
) -> MessageConnection:
    """Return a page of the messages that are there, by shard and number."""
    context, size = info.context, size_of(first)
    check_queue(context, queue)
    wanted = _filter(filter, text_of(subscription, "subscription") or "")
    if state is not None:
        wanted = replace(wanted, state=state.value)
    seal = context.seal(f"messages/{queue}", int, int)
    key = None if after is None else cast("tuple[int, int]", seal.open(after))
    await wait_for(context, not_before)
    found, as_of = await context.queues.messages(context.tenant, queue, wanted, size, key)
    return cast("MessageConnection", Page(found, size, as_of, _key, seal, after))


async def dead_letters(
    info: Info,
    queue: str,
    first: int,
    after: str | None = None,
    subscription: str = "",
    filter: MessageFilterInput | None = None,  # noqa: A002 - the schema's own name
    not_before: list[Position] | None = None,
) -> MessageConnection:
    """Return a page of the messages that are dead, by shard and number."""
    return await messages(info, queue, first, after, subscription, MessageState.DEAD, filter, not_before)


async def message(
    info: Info,
    queue: str,
    id: strawberry.ID,  # noqa: A002 - the schema's own name
    at: At | None = None,
    subscription: str = "",
    not_before: list[Position] | None = None,
) -> MessageRecord:
    """Return what is known of one message."""
    context, ref = info.context, _ref(info, queue, id)
    reads, tenant = context.queues, context.tenant
    await wait_for(context, not_before)
    identity = strawberry.ID(ref.id)
    if at is None:
        rows, as_of = await reads.message(tenant, ref)
        standing = cast("list[Message]", list(rows))
        return MessageRecord(ref=ref, id=identity, standing=standing, last=None, as_of=cast("AsOf", as_of))
    moment = cast("Moment", at)
    await known(context.services, moment, ref.partition, QUEUES)
    step, as_of = await reads.message_at(tenant, ref, text_of(subscription, "subscription") or "", moment)
    last = cast("MessageStep | None", step)
    return MessageRecord(ref=ref, id=identity, standing=[], last=last, as_of=cast("AsOf", as_of))


def _ref(info: Info, queue: str, text: str) -> MessageRef:
    try:
        named = MessageId.parse(text)
    except NoMessageId as error:
        raise BadArgument(str(error)) from error
    partition = check_queue(info.context, queue, named.shard)
    return MessageRef(partition, queue, named.shard, named.incarnation, named.number)


def _filter(given: MessageFilterInput | None, subscription: str) -> MessageFilter:
    if given is None:
        return MessageFilter(subscription)
    if given.shard is not None and not 0 <= given.shard < MAX_SHARDS:
        raise BadArgument(f"`shard` is {given.shard}. Choose 0 to {MAX_SHARDS - 1}.")
    group, reason = text_of(given.group, "group"), text_of(given.reason, "reason")
    return MessageFilter(subscription, None, group, reason, given.shard)


def _key(row: MessageRow) -> tuple[int, int]:
    return row.ref.shard, row.ref.number
