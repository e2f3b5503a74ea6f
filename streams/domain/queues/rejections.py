"""Why a queue refuses. `code` is stable; the message says what happened, to what, and the cure.

    BAD_ARGUMENT          an argument is out of bounds; `field` says which
    QUEUE_UNKNOWN         there is no such queue, or no such shard of it
    QUEUE_EXISTS          it is there already, with other settings or another route
    QUEUE_NOT_EMPTY       it still holds messages
    QUEUE_FULL            its depth or its bytes are used up, or the dedup ids it can remember
    VERSION_CONFLICT      the settings are not, or no longer, of the version that was named
    STALE_ROUTE           the queue's shards have changed; details say how they are now
    NOT_DRAINED           the change of shards before is not over in this one
    DEAD_LETTER_LOOP      a queue cannot be its own dead-letter queue, nor be redriven into itself; or several lead
                          in a circle, and a message was moved as often as may be
    PAYLOAD_TOO_LARGE     a message is larger than the queue takes
    BATCH_TOO_LARGE       a command brings too much at once
    RECEIPT_INVALID       none of the receipts holds (any more)
    TOO_MANY_WAITING      too many consumers wait
    TOO_MANY_SUBSCRIPTIONS  a broadcast queue has no room for one more
    NO_SUBSCRIPTIONS      a message was moved to a broadcast queue that would not keep it
    SUBSCRIPTION_UNKNOWN  a broadcast queue has no such subscription
    BROADCAST_ONLY        only a broadcast queue has subscriptions to add or remove
    NOT_BROADCAST         a subscription was named of a queue that has none
    RECEIVE_WITHDRAWN     the wait is over: its client withdrew it
    ROUTE_CHANGED         the wait is over: the queue's shards have changed
    QUEUE_DELETED         the wait is over: its queue or subscription was removed
    SESSION_ENDED         the wait is over: its client's session has ended

Standard library only.
"""

from typing import Final

from streams.domain.arguments import SHOWN
from streams.domain.decider import Rejected
from streams.domain.queues.events import ReceiveEnd
from streams.domain.queues.replies import RefusedReceipt
from streams.domain.queues.settings import QueueRoute

RECEIPTS_SHOWN: Final = 10


def queue_unknown(queue: str, shard: int) -> Rejected:
    """Nobody made it, or it was deleted."""
    which = f"queue {queue!r}" if shard == 0 else f"shard {shard} of queue {queue!r}"
    return Rejected("QUEUE_UNKNOWN", f"there is no {which}; create it (CreateQueue)", (("queue", queue),))


def queue_exists(queue: str) -> Rejected:
    """It is there already, and otherwise."""
    message = (
        f"queue {queue!r} exists with other settings or another route; "
        "use it as it is, change it (ConfigureQueue), or choose another name"
    )
    return Rejected("QUEUE_EXISTS", message, (("queue", queue),))


def queue_not_empty(what: str, messages: int, cure: str) -> Rejected:
    """It still holds messages."""
    return Rejected(
        "QUEUE_NOT_EMPTY", f"{what} still holds {messages} messages; {cure}", (("messages", str(messages)),)
    )


def queue_full(queue: str, full: str, cure: str) -> Rejected:
    """There is no room. `full` says of what."""
    return Rejected("QUEUE_FULL", f"queue {queue!r} is full: {full}; {cure}", (("queue", queue),))


def version_conflict(queue: str, given: int, known: int) -> Rejected:
    """Somebody else has configured it since."""
    message = (
        f"the settings of queue {queue!r} are of version {known}, not {given}: "
        "read them again (InspectQueue), and change those"
    )
    return Rejected("VERSION_CONFLICT", message, (("queue", queue), ("version", str(known))))


def stale_route(queue: str, route: QueueRoute) -> Rejected:
    """The shard knows another route."""
    message = (
        f"queue {queue!r} has {route.shards} shards since epoch {route.epoch} "
        f"(before: {route.previous}); find the shard by these, and ask again"
    )
    details = (
        ("queue", queue),
        ("epoch", str(route.epoch)),
        ("shards", str(route.shards)),
        ("previous", str(route.previous)),
    )
    return Rejected("STALE_ROUTE", message, details)


def not_drained(queue: str, shard: int, route: QueueRoute) -> Rejected:
    """What the newest route has moved away is still here."""
    message = (
        f"shard {shard} of queue {queue!r} still has what moves with the change from {route.previous} to "
        f"{route.shards} shards; go on with that resize (InspectQueue says when it is drained)"
    )
    return Rejected("NOT_DRAINED", message, (("queue", queue), ("shard", str(shard))))


def dead_letter_loop(queue: str) -> Rejected:
    """Messages would go round in a circle."""
    message = (
        f"queue {queue!r} cannot take its own dead letters; name another queue, or none to keep them as dead"
    )
    return Rejected("DEAD_LETTER_LOOP", message, (("queue", queue),))


def too_many_hops(limit: int) -> Rejected:
    """Messages do go round in a circle, of several queues."""
    message = (
        f"the message was moved {limit} times since it was put or redriven, which are the most: its dead-letter queues "
        "lead in a circle; configure one of them without dead_letter_queue, then redrive"
    )
    return Rejected("DEAD_LETTER_LOOP", message, (("hops", str(limit)),))


def payload_too_large(size: int, limit: int) -> Rejected:
    """A message is larger than the queue takes."""
    message = (
        f"a payload has {size} bytes, this queue takes {limit}; "
        "put it elsewhere (an object store, a table) and enqueue a reference"
    )
    return Rejected("PAYLOAD_TOO_LARGE", message, (("bytes", str(size)), ("limit", str(limit))))


def batch_too_large(what: str, given: int, limit: int) -> Rejected:
    """A command brings too much at once."""
    message = f"the command has {given} {what}, {limit} are the most; send several commands"
    return Rejected("BATCH_TOO_LARGE", message, (("given", str(given)), ("limit", str(limit))))


def receipt_invalid(refused: tuple[RefusedReceipt, ...]) -> Rejected:
    """None of the receipts holds."""
    message = (
        "none of the receipts holds: their messages were acknowledged, returned or delivered anew when the lease "
        "was over (NOT_LEASED), or are another principal's (NOT_YOURS); drop the work, or expect to see it again"
    )
    shown = tuple((f"{r.message}.{r.token}", r.problem) for r in refused[:RECEIPTS_SHOWN])
    return Rejected("RECEIPT_INVALID", message, shown)


def too_many_waiting(queue: str, waiting: int) -> Rejected:
    """Too many consumers wait."""
    message = (
        f"{waiting} receives wait at queue {queue!r} already; "
        "ask for more messages at a time, or spread the queue over more shards"
    )
    return Rejected("TOO_MANY_WAITING", message, (("queue", queue),))


def too_many_subscriptions(queue: str, limit: int) -> Rejected:
    """A broadcast queue has no room for one more."""
    message = (
        f"queue {queue!r} has {limit} subscriptions, which are the most; remove one, or use another queue"
    )
    return Rejected("TOO_MANY_SUBSCRIPTIONS", message, (("queue", queue),))


def no_subscriptions(queue: str) -> Rejected:
    """A broadcast queue keeps nothing for nobody, and a dead letter must not be lost."""
    message = (
        f"broadcast queue {queue!r} has no subscriptions, and would not keep what is moved to it; "
        "add one (AddSubscription), then redrive"
    )
    return Rejected("NO_SUBSCRIPTIONS", message, (("queue", queue),))


def subscription_unknown(queue: str, subscription: str) -> Rejected:
    """A broadcast queue has no such subscription."""
    given = subscription[:SHOWN]
    message = (
        f"broadcast queue {queue!r} has no subscription {given!r}; name one, or add it (AddSubscription)"
    )
    return Rejected("SUBSCRIPTION_UNKNOWN", message, (("queue", queue),))


def broadcast_only(queue: str) -> Rejected:
    """A plain queue has no subscriptions to add or remove."""
    message = (
        f"queue {queue!r} is no broadcast queue, and has no subscriptions; create another with broadcast"
    )
    return Rejected("BROADCAST_ONLY", message, (("queue", queue),))


def not_broadcast(queue: str) -> Rejected:
    """A plain queue has one subscription, without a name."""
    message = f"queue {queue!r} is no broadcast queue: leave the name of the subscription empty"
    return Rejected("NOT_BROADCAST", message, (("queue", queue),))


_ENDED: Final[dict[ReceiveEnd, tuple[str, str]]] = {
    "WITHDRAWN": ("RECEIVE_WITHDRAWN", "the client withdrew this receive; ask again to wait anew"),
    "ROUTED": (
        "ROUTE_CHANGED",
        "the queue's shards have changed (InspectQueue says how); receive from each of them",
    ),
    "DELETED": ("QUEUE_DELETED", "the queue or its subscription was removed while this receive waited"),
    "SESSION_ENDED": ("SESSION_ENDED", "the client's session ended while this receive waited; register anew"),
}


def receive_ended(cause: ReceiveEnd, ticket: int) -> Rejected:
    """The wait is over, and not by its time."""
    code, message = _ENDED[cause]
    return Rejected(code, message, (("ticket", str(ticket)),))
