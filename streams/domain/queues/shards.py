"""Deciding what operators do with a shard: create, configure, route, delete; subscriptions. Standard library only."""

from streams.domain.arguments import bad_argument, refuse_text
from streams.domain.decider import Context, Decision, Rejected
from streams.domain.queues.commands import (
    AddSubscription,
    ConfigureQueue,
    CreateQueue,
    DeleteQueue,
    RemoveSubscription,
    RouteQueue,
)
from streams.domain.queues.draft import Draft, sweep
from streams.domain.queues.events import (
    Event,
    QueueConfigured,
    QueueCreated,
    QueueDeleted,
    QueueRouted,
    SubscriptionAdded,
    SubscriptionRemoved,
)
from streams.domain.queues.limits import (
    MAX_REMOVED,
    MAX_SUBSCRIPTIONS,
    refuse_route,
    refuse_settings,
    refuse_shard,
)
from streams.domain.queues.rejections import (
    broadcast_only,
    queue_exists,
    queue_not_empty,
    too_many_subscriptions,
    version_conflict,
)
from streams.domain.queues.replies import QueueChanged, QueueOpened, QueueRemoved, Reply
from streams.domain.queues.resizing import refuse_change
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import Queue


def create(command: CreateQueue, queue: Queue, context: Context) -> Decision[Event, Reply]:
    """Return the new shard, or the one that is there and just so."""
    refused = (
        refuse_settings(command.queue, command.settings)
        or refuse_route(command.route)
        or refuse_shard(command.route, command.shard)
    )
    if refused is not None:
        return Decision((), refused)
    if queue.settings is None:
        incarnation = context.token(0)
        created = QueueCreated(incarnation, command.settings, command.route)
        return Decision((created,), QueueOpened(incarnation, 1, existed=False))
    if queue.settings == command.settings and queue.route == command.route:
        return Decision((), QueueOpened(queue.incarnation, queue.version, existed=True))
    return Decision((), queue_exists(command.queue))


def configure(
    command: ConfigureQueue, queue: Queue, settings: QueueSettings, context: Context
) -> Decision[Event, Reply]:
    """Return the new settings, and what they let be delivered. `max_attempts` counts from the next return on."""
    if command.version not in (0, queue.version):
        return Decision((), version_conflict(command.queue, command.version, queue.version))
    refused = refuse_settings(command.queue, command.settings)
    if refused is None and command.settings.broadcast != settings.broadcast:
        refused = bad_argument("broadcast", "cannot change; create another queue", command.settings.broadcast)
    if refused is not None:
        return Decision((), refused)
    if command.settings == settings:
        return Decision((), QueueChanged(queue.version, queue.route))
    draft = Draft(queue, context)
    draft.add(QueueConfigured(queue.version + 1, command.settings))
    sweep(draft)
    return draft.decision(QueueChanged(queue.version + 1, queue.route))


def route(
    command: RouteQueue, queue: Queue, settings: QueueSettings, context: Context
) -> Decision[Event, Reply]:
    """Return the new route, and the end of waits: who waits learns of it that way."""
    refused = refuse_change(command, queue, settings, context)
    if refused is not None:
        return Decision((), refused)
    reply = QueueChanged(queue.version, command.route)
    if command.route == queue.route:
        return Decision((), reply)
    draft = Draft(queue, context)
    draft.add(QueueRouted(command.route, queue.next_message, context.now))
    sweep(draft)
    return draft.decision(reply)


def delete(command: DeleteQueue, queue: Queue, context: Context) -> Decision[Event, Reply]:
    """Return the end of the shard. One that is not there is fine."""
    messages = len(queue.messages)
    if queue.settings is None:
        return Decision((), QueueRemoved(0))
    if messages and not command.force:
        cure = "take them out, or delete it with force"
        return Decision((), queue_not_empty(f"queue {command.queue!r}", messages, cure))
    draft = Draft(queue, context)
    draft.add(QueueDeleted(messages))
    sweep(draft)
    return draft.decision(QueueRemoved(messages))


def add_subscription(
    command: AddSubscription, queue: Queue, settings: QueueSettings
) -> Decision[Event, Reply]:
    """Return the new subscription, which gets what is enqueued from now on."""
    name = command.subscription
    refused: Rejected | None = None if settings.broadcast else broadcast_only(command.queue)
    refused = refused or refuse_text("subscription", name)
    if refused is None and name not in queue.subscriptions and len(queue.subscriptions) >= MAX_SUBSCRIPTIONS:
        refused = too_many_subscriptions(command.queue, MAX_SUBSCRIPTIONS)
    if refused is not None:
        return Decision((), refused)
    events = () if name in queue.subscriptions else (SubscriptionAdded(name),)
    return Decision(events, QueueChanged(queue.version, queue.route))


def remove_subscription(
    command: RemoveSubscription, queue: Queue, settings: QueueSettings, context: Context
) -> Decision[Event, Reply]:
    """Return the end of a subscription. One that is not there is fine."""
    if not settings.broadcast:
        return Decision((), broadcast_only(command.queue))
    reply = QueueChanged(queue.version, queue.route)
    sub = queue.subscriptions.get(command.subscription)
    if sub is None or sub.mine is None:
        return Decision((), reply)
    what, letters = f"subscription {command.subscription!r}", len(sub.dead) + len(sub.moving)
    if letters and not command.force:
        cure = (
            "these are dead, or on their way to another queue: redrive or purge them, or remove it with force"
        )
        return Decision((), queue_not_empty(what, letters, cure))
    if len(sub.mine) > MAX_REMOVED:
        return Decision((), queue_not_empty(what, len(sub.mine), f"purge it down to {MAX_REMOVED} first"))
    draft = Draft(queue, context)
    draft.add(SubscriptionRemoved(command.subscription, len(sub.mine)))
    sweep(draft)
    return draft.decision(reply)
