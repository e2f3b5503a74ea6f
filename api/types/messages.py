"""Messages, as read models have them, and what happened to each."""

from enum import Enum
from typing import cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.paging import Page, size_of
from api.payloads import SHOWN_BYTES, Payload, payload_of
from api.types.asof import AsOf
from api.types.pages import PageInfo
from api.types.queues import Queue, queue_now
from api.types.scalars import DateTime, Long, Position
from streams.projections.queues.reads import BiographyPage, MessageRef, MessageRow, OriginRow, StepRow


@strawberry.enum
class MessageState(Enum):
    """Where a message stands. A READY one of a group may still wait for those before it."""

    READY = "READY"
    DELAYED = "DELAYED"
    LEASED = "LEASED"
    DEAD = "DEAD"
    MOVING = "MOVING"


@strawberry.enum
class StepKind(Enum):
    """What happened to a message. REMOVED: with its subscription; DELETED: with its queue."""

    ENQUEUED = "ENQUEUED"
    DELIVERED = "DELIVERED"
    EXTENDED = "EXTENDED"
    ACKED = "ACKED"
    RETURNED = "RETURNED"
    DUE = "DUE"
    DIED = "DIED"
    REDRIVEN = "REDRIVEN"
    PURGED = "PURGED"
    MOVED = "MOVED"
    MOVE_FAILED = "MOVE_FAILED"
    REMOVED = "REMOVED"
    DELETED = "DELETED"


@strawberry.type(description="A word that travels with a message.")
class MessageHeader:
    """A header."""

    name: str
    value: str


async def _queue_of(root: Parent[MessageRow], info: Info) -> Queue | None:
    return await queue_now(info, root.ref.queue)


async def _origin_queue(root: Parent[OriginRow], info: Info) -> Queue | None:
    return await queue_now(info, root.queue)


@strawberry.type(description="Where a message was before it was moved here.")
class MessageOrigin:
    """An origin. Comes as `reads.OriginRow`."""

    queue: str
    message: str = strawberry.field(description="Its id there.")
    reason: str
    attempts: int
    queue_now: Queue | None = strawberry.field(resolver=_origin_queue)


@strawberry.type(description="One thing that happened to one message: what, when, by whom, why.")
class MessageStep:
    """A step. Comes as `reads.StepRow`."""

    what: StepKind
    state: MessageState | None = strawberry.field(
        description="The state that it left; null: the message is gone."
    )
    subscription: str
    attempts: int = strawberry.field(
        description="Deliveries that counted by then; DELIVERED: which delivery it was."
    )
    due_lease_ms: Long | None = strawberry.field(
        description="When it may be delivered, or its lease ends, by the partition's lease clock; null: at once."
    )
    due_ms: DateTime | None = strawberry.field(name="due", description="About when that is.")
    token: Long | None = strawberry.field(description="DELIVERED: of the delivery.")
    principal: str = strawberry.field(
        description="DELIVERED: the consumer; else who asked. Empty: nobody, it was due."
    )
    client: str
    handle: str
    cause: str | None
    reason: str | None
    target: str | None = strawberry.field(description="The queue where it was moved.")
    origin: MessageOrigin | None
    at_ms: DateTime = strawberry.field(name="at")
    position: Position


@strawberry.type
class MessageStepEdge:
    """One of a page and its cursor."""

    cursor: str
    node: MessageStep


@strawberry.type(description="The biography of a message, oldest first.")
class MessageStepConnection:
    """A page."""

    edges: list[MessageStepEdge]
    nodes: list[MessageStep]
    page_info: PageInfo
    as_of: AsOf


async def biography_of(info: Info, ref: MessageRef, first: int, after: str | None) -> MessageStepConnection:
    """Return a page of what happened to a message, oldest first, together with all others that are asked for."""
    context, size = info.context, size_of(first)
    seal = context.seal(f"biography/{ref.queue}/{ref.id}", int, int)
    key = None if after is None else cast("tuple[int, int]", seal.open(after))
    context.inner.take(size)
    found, as_of = await context.loaders.biographies.load(BiographyPage(ref, size, key))
    return cast("MessageStepConnection", Page(found, size, as_of, _step_key, seal, after))


def _step_key(row: StepRow) -> tuple[int, int]:
    return row.event, row.part


async def _biography(
    root: Parent[MessageRow], info: Info, first: int, after: str | None = None
) -> MessageStepConnection:
    return await biography_of(info, root.ref, first, after)


def _id(root: Parent[MessageRow]) -> strawberry.ID:
    return strawberry.ID(root.ref.id)


def _shard(root: Parent[MessageRow]) -> int:
    return root.ref.shard


def _headers(root: Parent[MessageRow]) -> list[MessageHeader]:
    return [MessageHeader(name=name, value=text) for name, text in root.body.headers]


def _payload(root: Parent[MessageRow], info: Info, max_bytes: int = SHOWN_BYTES) -> Payload:
    return payload_of(root.body.payload, max_bytes, info.context.payloads)


@strawberry.type(description="What never changes of a message.")
class MessageBody:
    """A body. Comes as `reads.BodyRow`."""

    group: str | None = strawberry.field(description="Those of a group are delivered one after the other.")
    key: str | None = strawberry.field(description="What decides the shard of a message without group.")
    priority: int
    dedup_id: str | None
    stray: bool = strawberry.field(
        description="It belongs to another shard by now, and stays for its group's sake."
    )
    origin: MessageOrigin | None
    principal: str = strawberry.field(description="Who enqueued it.")
    client: str
    enqueued_ms: DateTime = strawberry.field(name="enqueued")


@strawberry.type(description="A message as one subscription has it.")
class Message:
    """A message. Comes as `reads.MessageRow`."""

    id: strawberry.ID = strawberry.field(resolver=_id, description="<shard>.<incarnation>.<number>")
    shard: int = strawberry.field(resolver=_shard)
    queue: Queue | None = strawberry.field(resolver=_queue_of, description="As it is now.")
    subscription: str = strawberry.field(description="Empty where the queue is no broadcast.")
    state: MessageState
    attempts: int = strawberry.field(description="Deliveries that count.")
    due_lease_ms: Long | None = strawberry.field(
        description="DELAYED: when it may be delivered; LEASED: when the lease ends; by the partition's lease clock."
    )
    due_ms: DateTime | None = strawberry.field(name="due", description="About when that is.")
    token: Long | None = strawberry.field(
        description="Of the delivery, while it is LEASED, as are the next three."
    )
    principal: str | None
    client: str | None
    handle: str | None
    reason: str | None = strawberry.field(description="Why it failed last.")
    target: str | None = strawberry.field(description="MOVING: to this queue.")
    since_ms: DateTime = strawberry.field(name="since", description="When its state began.")
    position: Position = strawberry.field(description="The commit that changed it last.")
    body: MessageBody
    headers: list[MessageHeader] = strawberry.field(resolver=_headers)
    payload: Payload = strawberry.field(
        resolver=_payload, description="Up to `maxBytes` of it; 2 MiB of all in one answer."
    )
    biography: MessageStepConnection = strawberry.field(
        resolver=_biography, description="All that happened to it, oldest first; in all subscriptions."
    )


@strawberry.type
class MessageEdge:
    """One of a page and its cursor."""

    cursor: str
    node: Message


@strawberry.type(description="Messages that are there, by shard and number.")
class MessageConnection:
    """A page."""

    edges: list[MessageEdge]
    nodes: list[Message]
    page_info: PageInfo
    as_of: AsOf


async def _record_biography(
    root: Parent["MessageRecord"], info: Info, first: int, after: str | None = None
) -> MessageStepConnection:
    return await biography_of(info, root.ref, first, after)


async def _record_queue(root: Parent["MessageRecord"], info: Info) -> Queue | None:
    return await queue_now(info, root.ref.queue)


@strawberry.type(description="One message by its id, whether it is still there or not.")
class MessageRecord:
    """All that is known of a message."""

    ref: strawberry.Private[MessageRef]
    id: strawberry.ID = strawberry.field(description="<shard>.<incarnation>.<number>")
    standing: list[Message] = strawberry.field(
        description="As each subscription has it that still needs it; none: it is gone, never was, or `at` was given."
    )
    last: MessageStep | None = strawberry.field(
        description="With `at`: what had happened to it last by then; null: nothing had."
    )
    as_of: AsOf

    biography: MessageStepConnection = strawberry.field(
        resolver=_record_biography, description="All that happened to it, oldest first; in all subscriptions."
    )
    queue: Queue | None = strawberry.field(resolver=_record_queue, description="As it is now.")
