"""The fields of `Mutation` that are about queues."""

import strawberry

from api.mutations import messages, queues, receipts
from api.types.queue_results import (
    ChangeQueueResult,
    ChangeSubscriptionResult,
    DeleteQueueResult,
    EnqueueResult,
    PeekResult,
    PurgeResult,
    ReceiveResult,
    RedriveResult,
    ResizeQueueResult,
    SettleResult,
)


@strawberry.type
class QueueMutation:
    """What can be done to queues. Without a `session` the node speaks for you; messages are your principal's anyway."""

    create_queue: ChangeQueueResult = strawberry.mutation(
        resolver=queues.create_queue,
        description="Make a queue. If it is there with the same settings and shards, that is fine.",
    )
    configure_queue: ChangeQueueResult = strawberry.mutation(
        resolver=queues.configure_queue,
        description="Change the settings that are given; with `version`, only if they are still of this one.",
    )
    pause_queue: ChangeQueueResult = strawberry.mutation(
        resolver=queues.pause_queue, description="Deliver nothing; everything else goes on."
    )
    resume_queue: ChangeQueueResult = strawberry.mutation(
        resolver=queues.resume_queue, description="Deliver again."
    )
    resize_queue: ResizeQueueResult = strawberry.mutation(
        resolver=queues.resize_queue,
        description="Begin to spread a queue over so many shards, or go on with it: ask again until it is `done`.",
    )
    delete_queue: DeleteQueueResult = strawberry.mutation(
        resolver=queues.delete_queue, description="Remove a queue; with `force`, whatever it still holds."
    )
    add_subscription: ChangeSubscriptionResult = strawberry.mutation(
        resolver=queues.add_subscription,
        description="Have a broadcast queue keep messages for one more subscription, from now on.",
    )
    remove_subscription: ChangeSubscriptionResult = strawberry.mutation(
        resolver=queues.remove_subscription,
        description="Have it forget a subscription, and what that has not done; dead letters only with `force`.",
    )
    enqueue: EnqueueResult = strawberry.mutation(
        resolver=messages.enqueue, description="Put one message or up to 500 into a queue, in order."
    )
    receive: ReceiveResult = strawberry.mutation(
        resolver=messages.receive,
        description="Lease up to `max` (100) messages, at once or after up to `waitMs` (30,000). Hanging up undoes it.",
    )
    ack: SettleResult = strawberry.mutation(
        resolver=receipts.ack, description="Done: up to 500 messages never come back."
    )
    nack: SettleResult = strawberry.mutation(
        resolver=receipts.nack,
        description="Not done: they come again after the queue's backoff or `delayMs`, or are dead after the last "
        "attempt. `returned`: not worked on; at once, and no attempt.",
    )
    extend: SettleResult = strawberry.mutation(
        resolver=receipts.extend, description="Keep them for `leaseMs`, or the queue's lease, from now."
    )
    redrive: RedriveResult = strawberry.mutation(
        resolver=messages.redrive,
        description="Give up to `limit` (10,000) dead letters new attempts, oldest first, here or in the queue `to`.",
    )
    purge: PurgeResult = strawberry.mutation(
        resolver=messages.purge,
        description="Remove up to `limit` (100,000) messages that are READY, DELAYED or DEAD, oldest first.",
    )
    peek: PeekResult = strawberry.mutation(
        resolver=messages.peek,
        description="Look at up to 100 messages at their owners, without leasing them.",
    )
