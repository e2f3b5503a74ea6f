"""A decision in the making, and the work that time leaves: delays, leases and waits that are over, and deliveries.

Imports the standard library only.
"""

from collections.abc import Sequence
from itertools import islice

from streams.domain.decider import Context, Decision, Rejected
from streams.domain.queues.backoff import backoff_ms
from streams.domain.queues.events import (
    Attempt,
    Event,
    MessagesDelivered,
    MessagesDied,
    MessagesDue,
    MessagesReturned,
    ReceiveEnd,
    ReceiveEnded,
    Return,
    ReturnCause,
)
from streams.domain.queues.evolve import evolve
from streams.domain.queues.limits import MAX_BATCH, MAX_DECISION_BYTES, MAX_DUE, MAX_EVENTS
from streams.domain.queues.replies import Reply
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import Deliveries, Held, Queue, Wait, deliverable
from streams.domain.queues.turns import choose
from streams.domain.structures.heap import rising

NUMBER_BYTES = 24
"""What a message takes in an event, at the most."""
ROOM_FOR_ONE = 4_096 + MAX_BATCH * NUMBER_BYTES
"""What any event takes that is not of a client's making, at the most."""


class Draft:
    """The events decided so far, and the queue as they leave it."""

    __slots__ = ("context", "events", "queue", "room")

    def __init__(self, queue: Queue, context: Context) -> None:
        self.queue = queue
        self.context = context
        self.events: list[Event] = []
        self.room = MAX_DECISION_BYTES
        """Bytes that are left for events, about."""

    def add(self, event: Event, size: int = ROOM_FOR_ONE) -> None:
        """Decide that `event` happens next; it takes `size` bytes at the most."""
        self.events.append(event)
        self.queue = evolve(self.queue, event)
        self.room -= size

    def decision(self, reply: Reply | Rejected, *, waiting: bool = False) -> Decision[Event, Reply]:
        """Return what was drafted, with its reply."""
        return Decision(tuple(self.events), reply, waiting, self.queue)

    @property
    def next_token(self) -> int:
        """Token, or ticket, of the event that is added next."""
        return self.context.token(len(self.events))

    @property
    def full(self) -> bool:
        """True when no more may be added but the command's own events."""
        return len(self.events) >= MAX_EVENTS or self.room < ROOM_FOR_ONE

    @property
    def settings(self) -> QueueSettings:
        """The queue's settings; it is there."""
        assert self.queue.settings is not None
        return self.queue.settings


def sweep(draft: Draft) -> bool:
    """Add all that is due: ends of leases, delays and waits, then deliveries. False: some is left for a Tick."""
    if not _end_leaving(draft):
        return False
    now = draft.context.now
    for name, sub in draft.queue.subscriptions.items():
        if sub.ends.heap is not None and sub.ends.heap[1][0] <= now and not _expire(draft, name):
            return False
        if not _due(draft, name):
            return False
        if sub.waits and not (_time_out(draft, name) and _deliver(draft, name)):
            return False
    return True


def _end_leaving(draft: Draft) -> bool:
    for wait, cause in draft.queue.leaving:
        if draft.full:
            return False
        draft.add(ended(wait, cause), 128 + wait_bytes(wait))
    return True


def _expire(draft: Draft, name: str) -> bool:
    now = draft.context.now
    while True:
        sub = draft.queue.subscriptions[name]
        first = sub.ends.first
        if first is None or first[0] > now:
            return True
        if draft.full:
            return False
        return_messages(draft, name, kept_by(sub, sub.held[first[1]]), "EXPIRED", "")


def kept_by(sub: Deliveries, held: Held) -> list[int]:
    """Return the messages that a lease still has."""
    lease, kept = held.lease, []
    for number in dict.fromkeys(held.messages):
        known = sub.leased.get(number)
        if known is not None and known.token == lease.token and known.expires_at == lease.expires_at:
            kept.append(number)
    return kept


def return_messages(
    draft: Draft,
    name: str,
    numbers: Sequence[int],
    cause: ReturnCause,
    reason: str,
    delay_ms: int = -1,
    *,
    counts: bool = True,
) -> None:
    """Add that leases of up to 500 messages end without an acknowledgement: some return, others die."""
    sub, settings, now = draft.queue.subscriptions[name], draft.settings, draft.context.now
    back, dead = [], []
    for number in numbers:
        known = sub.past.get(number)
        attempts = (0 if known is None else known.attempts) + counts
        if counts and attempts >= settings.max_attempts:
            dead.append(Attempt(number, attempts))
            continue
        delay = delay_ms
        if delay < 0:
            delay = backoff_ms(settings, draft.queue.incarnation, number, attempts) if counts else 0
        back.append(Return(number, now + delay if delay else 0, attempts))
    if back:
        draft.add(MessagesReturned(name, cause, reason, tuple(back)))
    if dead:
        why = reason or f"{cause.lower()} {settings.max_attempts} times"
        to = settings.dead_letter_queue
        draft.add(MessagesDied(name, "ATTEMPTS", why, tuple(dead), to, now))


def _due(draft: Draft, name: str) -> bool:
    now, numbers = draft.context.now, []
    delayed = draft.queue.subscriptions[name].delayed
    for at, number in islice(rising(delayed.heap), MAX_DUE):
        if at > now:
            break
        if delayed.times.get(number) == at:
            numbers.append(number)
    for start in range(0, len(numbers), MAX_BATCH):
        if draft.full:
            return False
        draft.add(MessagesDue(name, tuple(numbers[start : start + MAX_BATCH])))
    return len(numbers) < MAX_DUE


def _time_out(draft: Draft, name: str) -> bool:
    while True:
        sub = draft.queue.subscriptions[name]
        first = sub.timeouts.first
        if first is None or first[0] > draft.context.now:
            return True
        if draft.full:
            return False
        wait = sub.waits[first[1]]
        draft.add(ended(wait, "TIMED_OUT"), 128 + wait_bytes(wait))


def _deliver(draft: Draft, name: str) -> bool:
    while deliverable(draft.queue, draft.queue.subscriptions[name]):
        if draft.full:
            return False
        sub = draft.queue.subscriptions[name]
        first = sub.line.first
        assert first is not None
        wait = sub.waits[first[1]]
        chosen = choose(draft.queue, sub, draft.context.now, wait.max_messages)
        draft.add(_delivered(draft, wait, chosen), wait_bytes(wait) + 128 + NUMBER_BYTES * len(chosen))
    return True


def _delivered(draft: Draft, w: Wait, chosen: tuple[Attempt, ...]) -> MessagesDelivered:
    """Return the delivery that ends the wait `w`. The lease starts now."""
    return MessagesDelivered(
        w.principal,
        w.client,
        w.handle,
        w.sequence,
        w.ticket,
        w.subscription,
        draft.queue.incarnation,
        draft.next_token,
        draft.context.now + w.lease_ms,
        chosen,
        w.session,
    )


def ended(w: Wait, cause: ReceiveEnd) -> ReceiveEnded:
    """Return the event that ends the wait `w` without messages."""
    return ReceiveEnded(w.principal, w.client, w.handle, w.sequence, w.ticket, w.subscription, cause)


def wait_bytes(w: Wait) -> int:
    """Return how many bytes the names of a wait take, at the most."""
    return 4 * (len(w.principal) + len(w.client) + len(w.handle) + len(w.subscription))
