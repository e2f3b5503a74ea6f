"""What mutations of queues came to. Expected refusals are data (`Refusal`).

`positions`, given as `notBefore`, let the caller read its own writes.
"""

from typing import Annotated, TypeAlias, cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.payloads import MAX_BYTES, SHOWN_BYTES, Payload, payload_of
from api.types.messages import MessageHeader, MessageOrigin, MessageState
from api.types.queues import QueueRoute, QueueSettings
from api.types.results import Refusal
from api.types.scalars import Long, Position
from tidelock.client.queues.message import Message
from tidelock.client.queues.views import PeekedView

POSITIONS = "For `notBefore`: to read your own write."


@strawberry.type(description="The queue is as asked for, in all shards.")
class ChangedQueue:
    """A queue after a change."""

    name: str
    version: Long
    settings: QueueSettings
    route: QueueRoute
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="The queue is gone, or there was none.")
class DeletedQueue:
    """The end of a queue."""

    name: str
    messages: int = strawberry.field(description="How many went with it.")


@strawberry.type(description="How far a resize is. Ask again, with the same number, until it is `done`.")
class ResizedQueue:
    """A resize."""

    name: str
    shards: int = strawberry.field(description="How many there will be.")
    drained: int = strawberry.field(description="Shards in which nothing moves any more.")
    involved: int = strawberry.field(description="Shards that must be.")
    left: int = strawberry.field(description="Messages in shards that will go.")
    done: bool


@strawberry.type(description="The subscription is there, or gone, as asked for; in all shards.")
class ChangedSubscription:
    """A subscription of a broadcast queue."""

    queue: str
    subscription: str
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="What became of one message.")
class EnqueuedMessage:
    """An id, or why there is none."""

    id: strawberry.ID | None = strawberry.field(description="Null: it is not known to be in the queue.")
    duplicate: bool = strawberry.field(description="It was there before, under the same dedupId.")
    position: Position | None
    code: str | None = strawberry.field(description="Why there is no id; OUTCOME_UNKNOWN: it may be in.")
    message: str | None = strawberry.field(description="The same in words.")


@strawberry.type(
    description="Messages are in the queue for good: all of them, unless `failed` says otherwise."
)
class EnqueuedMessages:
    """What became of each."""

    results: list[EnqueuedMessage] = strawberry.field(description="In the order of the messages.")
    failed: int = strawberry.field(description="How many have no id. If it is all, the answer is a Refusal.")
    positions: list[Position] = strawberry.field(description=POSITIONS)


def _received_payload(root: Parent[Message[bytes]], info: Info, max_bytes: int = MAX_BYTES) -> Payload:
    return payload_of(root.body.payload, max_bytes, info.context.payloads)


def _received_id(root: Parent[Message[bytes]]) -> strawberry.ID:
    return strawberry.ID(str(root.id))


def _received_headers(root: Parent[Message[bytes]]) -> list[MessageHeader]:
    return cast("list[MessageHeader]", root.body.headers)


def _left_ms(root: Parent[Message[bytes]]) -> int:
    return int(root.expires_in() * 1000)


def _age_ms(root: Parent[Message[bytes]]) -> Long:
    return Long(int(root.age * 1000))


@strawberry.type(description="A message that is yours until its lease ends. Acknowledge it by its receipt.")
class ReceivedMessage:
    """A message under lease. Comes as the client's `Message`."""

    id: strawberry.ID = strawberry.field(resolver=_received_id, description="<shard>.<incarnation>.<number>")
    receipt: str = strawberry.field(
        description="<shard>.<number>.<token>: whoever has it can settle the message, as the same principal."
    )
    attempt: int = strawberry.field(description="1 is the first.")
    expires_in_ms: int = strawberry.field(
        resolver=_left_ms, description="For so long it is yours. Subtract the way of the answer."
    )
    group: str | None
    key: str | None
    priority: int
    dedup_id: str | None
    headers: list[MessageHeader] = strawberry.field(resolver=_received_headers)
    origin: MessageOrigin | None
    age_ms: Long = strawberry.field(resolver=_age_ms, description="About how long ago it was enqueued.")
    payload: Payload = strawberry.field(resolver=_received_payload)


@strawberry.type(description="Leased messages; none: none came in time.")
class ReceivedMessages:
    """A delivery."""

    messages: list[ReceivedMessage]


@strawberry.type(description="A receipt that was not taken.")
class RefusedReceipt:
    """A receipt."""

    receipt: str
    problem: str = strawberry.field(
        description="NOT_LEASED: settled, over, or delivered anew; NOT_YOURS: another principal's; RECEIPT_INVALID: "
        "one of these, of a long list. Else why its shard took none; OUTCOME_UNKNOWN: it may have been taken."
    )


@strawberry.type(
    description="What became of the receipts. If none was taken, for one reason alone, it is a Refusal."
)
class SettledMessages:
    """Receipts, taken and refused."""

    taken: int
    refused: list[RefusedReceipt]
    expires_in_ms: int | None = strawberry.field(
        description="Of extend: for so long they are yours for certain."
    )
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="Dead letters that have new attempts, or (dryRun) would have them.")
class RedrivenMessages:
    """A redrive."""

    messages: list[strawberry.ID]
    dry_run: bool
    positions: list[Position] = strawberry.field(description=POSITIONS)


@strawberry.type(description="How many messages were removed.")
class PurgedMessages:
    """A purge."""

    messages: int
    positions: list[Position] = strawberry.field(description=POSITIONS)


def _peeked_id(root: Parent[PeekedView]) -> strawberry.ID:
    return strawberry.ID(str(root.id))


def _peeked_payload(root: Parent[PeekedView], info: Info, max_bytes: int = SHOWN_BYTES) -> Payload:
    return payload_of(root.body.payload, max_bytes, info.context.payloads)


@strawberry.type(description="Where a message stands, by its shard's lease clock.")
class MessageStanding:
    """A standing. Comes as `replies.PeekedMessage`."""

    attempts: int
    ready_at: Long = strawberry.field(description="0: it could be delivered now, as far as time goes.")
    expires_at: Long = strawberry.field(description="End of its lease; 0: not leased.")
    client: str = strawberry.field(description="Who leases it; or empty.")
    reason: str = strawberry.field(description="Why it failed last; or empty.")
    to: str | None = strawberry.field(description="The queue that it is on its way to.")


@strawberry.type(description="What never changes of a message.")
class PeekedBody:
    """A body. Comes as `replies.MessageBody`."""

    group: str | None
    key: str | None
    priority: int
    dedup_id: str | None
    headers: list[MessageHeader]
    origin: MessageOrigin | None


@strawberry.type(description="A message as its shard's owner has it now; nobody leases it by this look.")
class PeekedMessage:
    """A look. Comes as the client's `PeekedView`."""

    id: strawberry.ID = strawberry.field(resolver=_peeked_id, description="<shard>.<incarnation>.<number>")
    state: MessageState
    standing: MessageStanding
    body: PeekedBody
    payload: Payload = strawberry.field(resolver=_peeked_payload)


@strawberry.type(
    description="Messages, shard by shard, by number: never stale. Go on `after` the last one's id."
)
class PeekedMessages:
    """A page of looks."""

    messages: list[PeekedMessage]


ChangeQueueResult: TypeAlias = Annotated[ChangedQueue | Refusal, strawberry.union("ChangeQueueResult")]
DeleteQueueResult: TypeAlias = Annotated[DeletedQueue | Refusal, strawberry.union("DeleteQueueResult")]
ResizeQueueResult: TypeAlias = Annotated[ResizedQueue | Refusal, strawberry.union("ResizeQueueResult")]
ChangeSubscriptionResult: TypeAlias = Annotated[
    ChangedSubscription | Refusal, strawberry.union("ChangeSubscriptionResult")
]
EnqueueResult: TypeAlias = Annotated[EnqueuedMessages | Refusal, strawberry.union("EnqueueResult")]
ReceiveResult: TypeAlias = Annotated[ReceivedMessages | Refusal, strawberry.union("ReceiveResult")]
SettleResult: TypeAlias = Annotated[SettledMessages | Refusal, strawberry.union("SettleResult")]
RedriveResult: TypeAlias = Annotated[RedrivenMessages | Refusal, strawberry.union("RedriveResult")]
PurgeResult: TypeAlias = Annotated[PurgedMessages | Refusal, strawberry.union("PurgeResult")]
PeekResult: TypeAlias = Annotated[PeekedMessages | Refusal, strawberry.union("PeekResult")]
