"""`enqueue`, `receive`, `redrive`, `purge` and `peek`."""

from typing import cast

import strawberry

from api.context import Info
from api.mutations.refusals import refusal_of
from api.mutations.speaking import inspected, shown, speaking
from api.paging import size_of
from api.types.messages import MessageState
from api.types.queue_inputs import MessageInput
from api.types.queue_results import (
    EnqueuedMessage,
    EnqueuedMessages,
    EnqueueResult,
    PeekedMessage,
    PeekedMessages,
    PeekResult,
    PurgedMessages,
    PurgeResult,
    ReceivedMessage,
    ReceivedMessages,
    ReceiveResult,
    RedrivenMessages,
    RedriveResult,
)
from api.types.scalars import Position
from streams.domain.queues.commands import State
from streams.domain.queues.limits import MAX_BATCH
from tidelock.client.client import Client
from tidelock.client.errors import BadArgument, PartlyPut, TidelockError
from tidelock.client.queues.producer import Put
from tidelock.client.queues.reading import Readable

MAX_WAIT_MS = 30_000
"""A request does not last for ever. Who wants to wait longer asks again."""
MAX_RECEIVED = 100
MAX_REDRIVEN = 10_000
MAX_PURGED = 100_000


async def enqueue(
    info: Info, queue: str, messages: list[MessageInput], session: str | None = None
) -> EnqueueResult:
    """Put messages into a queue, in order."""
    try:
        within("messages", len(messages), 1, MAX_BATCH)
        async with speaking(info, session) as client:
            try:
                put = await client.queue(queue).put_each([(one.payload(), one.options()) for one in messages])
                return _enqueued(list(put))
            except PartlyPut as error:
                return _enqueued(cast("list[Put | TidelockError]", list(error.results)))
    except TidelockError as error:
        return refusal_of(error)


async def receive(
    info: Info,
    queue: str,
    max: int = 1,  # noqa: A002 - what everybody calls it
    wait_ms: int = 0,
    lease_ms: int | None = None,
    subscription: str = "",
    session: str | None = None,
) -> ReceiveResult:
    """Lease messages."""
    try:
        within("max", max, 1, MAX_RECEIVED)
        within("waitMs", wait_ms, 0, MAX_WAIT_MS)
        async with speaking(info, session) as client:
            lease = None if lease_ms is None else lease_ms / 1000
            found = await readable(client, queue, subscription).receive(max, wait=wait_ms / 1000, lease=lease)
            return ReceivedMessages(messages=cast("list[ReceivedMessage]", found))
    except TidelockError as error:
        return refusal_of(error)


async def redrive(
    info: Info,
    queue: str,
    messages: list[strawberry.ID] | None = None,
    group: str | None = None,
    reason: str | None = None,
    to: str | None = None,
    limit: int = 500,
    dry_run: bool = False,
    subscription: str = "",
    session: str | None = None,
) -> RedriveResult:
    """Give dead letters new attempts."""
    try:
        within("limit", limit, 1, MAX_REDRIVEN)
        if messages is not None:
            within("messages", len(messages), 1, MAX_BATCH)
        async with speaking(info, session) as client:
            chosen = await readable(client, queue, subscription).redrive(
                *(messages or ()), group=group, reason=reason, to=to, limit=limit, dry_run=dry_run
            )
            _, positions = await inspected(client, queue)
            ids = [strawberry.ID(str(one)) for one in chosen]
            return RedrivenMessages(messages=ids, dry_run=dry_run, positions=positions)
    except TidelockError as error:
        return refusal_of(error)


async def purge(
    info: Info,
    queue: str,
    state: MessageState,
    limit: int = 5_000,
    subscription: str = "",
    session: str | None = None,
) -> PurgeResult:
    """Remove messages."""
    try:
        within("limit", limit, 1, MAX_PURGED)
        async with speaking(info, session) as client:
            removed = await readable(client, queue, subscription).purge(state.value, limit=limit)
            _, positions = await inspected(client, queue)
            return PurgedMessages(messages=removed, positions=positions)
    except TidelockError as error:
        return refusal_of(error)


async def peek(
    info: Info,
    queue: str,
    first: int,
    after: strawberry.ID | None = None,
    state: MessageState | None = None,
    subscription: str = "",
    session: str | None = None,
) -> PeekResult:
    """Look at messages."""
    size = size_of(first)
    try:
        async with speaking(info, session) as client:
            wanted: State | None = None if state is None else state.value
            found = await readable(client, queue, subscription).peek(size, state=wanted, after=after)
            return PeekedMessages(messages=cast("list[PeekedMessage]", found))
    except TidelockError as error:
        return refusal_of(error)


def readable(client: Client, queue: str, subscription: str) -> Readable[bytes]:
    """Return what messages are received from. Raises `BadArgument`."""
    found = client.queue(queue)
    return found.subscription(subscription) if subscription else found


def within(what: str, given: int, least: int, most: int) -> None:
    """Raise `BadArgument` if there are too few or too many."""
    if not least <= given <= most:
        raise BadArgument(f"`{what}` is {given}. Choose {least} to {most:,}.")


def _enqueued(outcomes: list[Put | TidelockError]) -> EnqueuedMessages:
    results = [_outcome(one) for one in outcomes]
    return EnqueuedMessages(
        results=results,
        failed=sum([one.id is None for one in results]),
        positions=shown([one.position for one in outcomes]),
    )


def _outcome(outcome: Put | TidelockError) -> EnqueuedMessage:
    position = cast("Position | None", outcome.position)
    if isinstance(outcome, Put):
        identity = strawberry.ID(str(outcome.id))
        return EnqueuedMessage(
            id=identity, duplicate=outcome.duplicate, position=position, code=None, message=None
        )
    return EnqueuedMessage(
        id=None, duplicate=False, position=position, code=outcome.code, message=str(outcome)
    )
