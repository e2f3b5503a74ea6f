"""Queues: what is in them, who works on it, what comes next. Pure: no clock, no randomness, no I/O.

This module is the kind's `streams.domain.decider.Decider`, of one shard. The rules:

* The highest priority first (one more for each `aging_ms`), then the oldest; of a group, one at a time and in order.
* Every delivery has a token greater than all before it, and a lease. A receipt holds until the lease is over.
* What is not acknowledged comes back: after a backoff, at most `max_attempts` times, then it is a dead letter.
* Enqueue delivers at once to those who wait, first come, first served.
* No decision has more than some 200 events: the next Tick, due at once, goes on.

Imports the standard library only (its parts: `immutables` too).
"""

from typing import TypeAlias

from streams.domain.decider import Context, Decision, Requester, Settled, Tick
from streams.domain.queues import letters, receipts, receive, sessions, shards
from streams.domain.queues.commands import (
    AckMessages,
    AddSubscription,
    Command,
    ConfigureQueue,
    ConfirmMoves,
    CreateQueue,
    DeleteQueue,
    EnqueueMessages,
    ExtendLeases,
    InspectQueue,
    NackMessages,
    PeekMessages,
    PurgeMessages,
    ReceiveMessages,
    RedriveMessages,
    RemoveSubscription,
    RouteQueue,
    WithdrawReceive,
)
from streams.domain.queues.draft import Draft, sweep
from streams.domain.queues.enqueue import enqueue
from streams.domain.queues.events import Event, MessagesDelivered, ReceiveEnded
from streams.domain.queues.evolve import evolve
from streams.domain.queues.inspect import inspect, peek
from streams.domain.queues.limits import refuse_place
from streams.domain.queues.rejections import not_broadcast, queue_unknown, receive_ended, subscription_unknown
from streams.domain.queues.replies import Delivery, QueueSwept, Reply
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import ABSENT, Queue, next_deadline
from streams.domain.session import SessionGone

__all__ = ["decide", "evolve", "initial", "next_deadline", "settles"]


def initial(key: str) -> Queue:  # noqa: ARG001 - a queue that is not there knows not even its name
    """Return the queue that is not there."""
    return ABSENT


def decide(
    command: Command | Tick | SessionGone, who: Requester, state: Queue, context: Context
) -> Decision[Event, Reply]:
    """Return the events that `command` causes on the shard, or why it is refused."""
    if isinstance(command, Tick):
        draft = Draft(state, context)
        sweep(draft)
        return draft.decision(QueueSwept())
    if isinstance(command, SessionGone):
        return sessions.end(command, state, context)
    refused = refuse_place(command.queue, command.shard)
    if refused is not None:
        return Decision((), refused)
    if isinstance(command, CreateQueue):
        return shards.create(command, state, context)
    if isinstance(command, DeleteQueue):
        return shards.delete(command, state, context)
    if state.settings is None:
        return Decision((), queue_unknown(command.queue, command.shard))
    if isinstance(command, EnqueueMessages):
        return enqueue(command, who, state, state.settings, context)
    if isinstance(command, OfSubscription):
        return _of_subscription(command, who, state, state.settings, context)
    return _of_queue(command, state, state.settings, context)


OfSubscription: TypeAlias = (
    ReceiveMessages
    | WithdrawReceive
    | AckMessages
    | NackMessages
    | ExtendLeases
    | RedriveMessages
    | PurgeMessages
    | ConfirmMoves
    | PeekMessages
)


def _of_subscription(
    command: OfSubscription, who: Requester, queue: Queue, settings: QueueSettings, context: Context
) -> Decision[Event, Reply]:
    if command.subscription not in queue.subscriptions:
        refuse = subscription_unknown(command.queue, command.subscription)
        return Decision((), refuse if settings.broadcast else not_broadcast(command.queue))
    match command:
        case ReceiveMessages():
            return receive.receive(command, who, queue, settings, context)
        case AckMessages():
            return receipts.ack(command, who, queue, context)
        case NackMessages():
            return receipts.nack(command, who, queue, context)
        case ExtendLeases():
            return receipts.extend(command, who, queue, settings, context)
        case WithdrawReceive():
            return receive.withdraw(command, who, queue, context)
        case RedriveMessages():
            return letters.redrive(command, queue, context)
        case PurgeMessages():
            return letters.purge(command, queue)
        case ConfirmMoves():
            return letters.confirm_moves(command, queue)
        case PeekMessages():
            return peek(command, queue)


def _of_queue(
    command: ConfigureQueue | RouteQueue | AddSubscription | RemoveSubscription | InspectQueue,
    queue: Queue,
    settings: QueueSettings,
    context: Context,
) -> Decision[Event, Reply]:
    match command:
        case ConfigureQueue():
            return shards.configure(command, queue, settings, context)
        case RouteQueue():
            return shards.route(command, queue, settings, context)
        case AddSubscription():
            return shards.add_subscription(command, queue, settings)
        case RemoveSubscription():
            return shards.remove_subscription(command, queue, settings, context)
        case InspectQueue():
            return Decision((), inspect(command, queue, settings, context))


def settles(event: Event) -> Settled | None:
    """Return the final answer to the receive that waited, if `event` ends its wait."""
    match event:
        case MessagesDelivered():
            if event.ticket is None:
                return None
            reply: object = Delivery(event.incarnation, event.token, event.expires_at, event.messages)
        case ReceiveEnded(cause="TIMED_OUT"):
            reply = receive.NONE_CAME
        case ReceiveEnded():
            reply = receive_ended(event.cause, event.ticket)
        case _:
            return None
    return Settled(event.principal, event.client, event.sequence, reply)
