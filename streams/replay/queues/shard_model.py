"""One shard as the verifier has it: what is there, in which state, and for how long. As plain as can be."""

from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

from streams.domain.queues import events as e
from streams.domain.value import value
from streams.replay.invariants import Complain

OPEN = ("READY", "DELAYED")


class Copy:
    """A message as one subscription has it."""

    __slots__ = ("attempts", "client", "due", "limit", "principal", "state", "token")

    def __init__(self, due: int, limit: int) -> None:
        self.state = "READY" if due == 0 else "DELAYED"
        self.due = due
        """When it may be delivered; while it is leased, when that ends."""
        self.attempts = 0
        self.limit = limit
        """Deliveries that it may have, by the settings when it was enqueued or last came back and that counted."""
        self.token = 0
        self.principal = self.client = ""


class Subscription:
    """What one subscription has, and the order within groups."""

    def __init__(self) -> None:
        self.copies: dict[int, Copy] = {}
        self.busy: dict[str, int] = {}
        """By group: the message that is leased."""
        self.waiting: dict[str, list[int]] = {}
        """By group: a heap of those that are ready or delayed; others among them are passed over."""

    def first_of(self, group: str) -> int | None:
        """Return the message of a group that comes next."""
        heap = self.waiting.get(group, [])
        while heap:
            copy = self.copies.get(heap[0])
            if copy is not None and copy.state in OPEN:
                return heap[0]
            heappop(heap)
        self.waiting.pop(group, None)
        return None


@value
class Told:
    """One message that an event names: which, as whose, and what the event says of it."""

    sub: Subscription
    number: int
    copy: Copy
    event: Any
    one: Any


class ShardModel:
    """One life of one shard."""

    def __init__(self, key: str, created: e.QueueCreated) -> None:
        self.incarnation = created.incarnation
        self.live: dict[int, tuple[str | None, int]] = {}
        """Group and size of each message."""
        self._key = key
        self._arrived = range(0)
        self._settings = created.settings
        self._next = 1
        self._owed: Counter[int] = Counter()
        self._bytes = 0
        self._subscriptions = {} if created.settings.broadcast else {"": Subscription()}

    def event(self, event: Any, asker: tuple[str, str], lease_ms: int, complain: Complain) -> None:
        """Check and remember one event."""
        self._complain, self._asker, self._now = complain, asker, lease_ms
        match event:
            case e.MessagesEnqueued():
                self._enqueued(event)
            case e.QueueConfigured():
                self._settings = event.settings
            case e.SubscriptionAdded():
                self._subscriptions.setdefault(event.subscription, Subscription())
            case e.SubscriptionRemoved():
                self._removed(event)
            case e.QueueRouted() | e.ReceiveStarted() | e.ReceiveEnded():
                pass
            case _:
                self._told(event)

    def take_arrived(self) -> list[int]:
        """Return the messages that were enqueued since the last call."""
        arrived, self._arrived = self._arrived, range(0)
        return list(arrived)

    def is_leased(self, token: int, numbers: Iterable[int]) -> bool:
        """Say whether all of `numbers` are leased under `token`."""
        found = [sub.copies.get(number) for number in numbers for sub in self._subscriptions.values()]
        leased = [copy for copy in found if copy is not None and copy.token == token]
        return len(leased) == len(list(numbers)) and all(copy.state == "LEASED" for copy in leased)

    def states(self) -> Counter[str]:
        """Return how many messages are in which state, over all subscriptions."""
        return Counter(copy.state for sub in self._subscriptions.values() for copy in sub.copies.values())

    def stats(self) -> dict[str, object]:
        """Return what an inspection must say."""
        subscriptions = {}
        for name, sub in self._subscriptions.items():
            by = Counter(copy.state for copy in sub.copies.values())
            subscriptions[name] = (by["READY"] + by["DELAYED"], by["LEASED"], by["DEAD"], by["MOVING"])
        return {"messages": len(self.live), "bytes": self._bytes, "subscriptions": subscriptions}

    def _enqueued(self, event: e.MessagesEnqueued) -> None:
        if event.first != self._next:
            self._wrong("NO_SUCH_MESSAGE", f"message {event.first} was enqueued instead of {self._next}")
        self._arrived = range(event.first, event.first + len(event.messages))
        self._next = self._arrived.stop
        for number, one in zip(self._arrived, event.messages, strict=True):
            if not self._subscriptions:
                continue
            self.live[number] = (one.group, len(one.payload))
            self._bytes += len(one.payload)
            self._owed[number] = len(self._subscriptions)
            for sub in self._subscriptions.values():
                sub.copies[number] = Copy(one.ready_at, self._settings.max_attempts)
                self._waits(sub, number)

    def _removed(self, event: e.SubscriptionRemoved) -> None:
        sub = self._subscriptions.pop(event.subscription, None)
        if sub is None or len(sub.copies) != event.messages:
            self._wrong(
                "NO_SUCH_MESSAGE", f"subscription {event.subscription!r} was removed with other messages"
            )
        for number in () if sub is None else sub.copies:
            self._done(number)

    def _told(self, event: Any) -> None:
        sub = self._subscriptions.get(event.subscription)
        if sub is None:
            self._wrong(
                "NO_SUCH_MESSAGE", f"{type(event).__name__} for no subscription {event.subscription!r}"
            )
            return
        if isinstance(event, e.MessagesDelivered) and self._settings.paused:
            self._wrong("EARLY", f"token {event.token} was delivered though the queue is paused")
        for one in event.messages:
            number = one if isinstance(one, int) else one.message
            copy = sub.copies.get(number)
            if copy is None:
                self._wrong(
                    "NO_SUCH_MESSAGE",
                    f"{type(event).__name__} names message {number}, which is gone or never was",
                )
            else:
                _RULES[type(event)](self, Told(sub, number, copy, event, one))

    def _delivered(self, told: Told) -> None:
        self._expect(told, *OPEN)
        self._not_before(told, "delivered")
        copy, event, attempt = told.copy, told.event, told.one.attempt
        limit = max(copy.limit, self._settings.max_attempts)
        if attempt != copy.attempts + 1 or attempt > limit:
            what = f"attempt {attempt} after {copy.attempts}, of {limit} at most"
            self._wrong("ATTEMPTS", f"message {told.number}: {what}")
        self._in_turn(told)
        copy.state, copy.due, copy.token, copy.attempts = "LEASED", event.expires_at, event.token, attempt
        copy.principal, copy.client = event.principal, event.client

    def _in_turn(self, told: Told) -> None:
        group, sub = self.live[told.number][0], told.sub
        if group is None:
            return
        before = sub.busy.get(group, sub.first_of(group))
        if before != told.number or group in sub.busy:
            self._wrong("OUT_OF_ORDER", f"message {told.number} overtook {before} of group {group!r}")
        sub.busy[group] = told.number

    def _acked(self, told: Told) -> None:
        if self._expect(told, "LEASED"):
            self._by_consumer(told)
        self._gone(told.sub, told.number)

    def _extended(self, told: Told) -> None:
        if self._expect(told, "LEASED"):
            self._by_consumer(told)
        told.copy.due = told.event.expires_at

    def _returned(self, told: Told) -> None:
        self._expect(told, "LEASED")
        if told.event.cause == "EXPIRED":
            self._not_before(told, "returned as expired")
        if told.one.attempts not in {told.copy.attempts, told.copy.attempts - 1}:
            what = f"{told.one.attempts} attempts after {told.copy.attempts}"
            self._wrong("ATTEMPTS", f"message {told.number}: {what}")
        self._free(told.sub, told.number)
        copy = told.copy
        copy.state, copy.due = ("READY" if told.one.ready_at == 0 else "DELAYED"), told.one.ready_at
        if told.one.attempts == copy.attempts:  # what does not count changes nothing
            copy.limit = self._settings.max_attempts
        copy.attempts = told.one.attempts
        self._waits(told.sub, told.number)

    def _due(self, told: Told) -> None:
        if self._expect(told, "DELAYED"):
            self._not_before(told, "due")
        told.copy.state, told.copy.due = "READY", 0

    def _died(self, told: Told) -> None:
        self._expect(told, *(("LEASED", *OPEN) if told.event.cause == "ATTEMPTS" else OPEN))
        self._free(told.sub, told.number)
        told.copy.state, told.copy.attempts = (
            ("DEAD" if told.event.to is None else "MOVING"),
            told.one.attempt,
        )

    def _redriven(self, told: Told) -> None:
        self._expect(told, "DEAD")
        if told.event.to is not None:
            told.copy.state = "MOVING"
            return
        due = next((each.ready_at for each in told.event.delayed if each.message == told.number), 0)
        copy = told.copy
        copy.state, copy.due = ("DELAYED" if due else "READY"), due
        copy.attempts, copy.limit = 0, self._settings.max_attempts
        self._waits(told.sub, told.number)

    def _purged(self, told: Told) -> None:
        self._expect(told, *OPEN, "DEAD")
        self._gone(told.sub, told.number)

    def _moved(self, told: Told) -> None:
        self._expect(told, "MOVING")
        self._gone(told.sub, told.number)

    def _move_failed(self, told: Told) -> None:
        self._expect(told, "MOVING")
        told.copy.state = "DEAD"

    def _expect(self, told: Told, *states: str) -> bool:
        if told.copy.state in states:
            return True
        code = "REDELIVERED" if isinstance(told.event, e.MessagesDelivered) else "NO_SUCH_MESSAGE"
        name = type(told.event).__name__
        self._wrong(code, f"{name} names message {told.number}, which is {told.copy.state}")
        return False

    def _not_before(self, told: Told, what: str) -> None:
        early_ms = told.copy.due - self._now
        if early_ms > 0:
            self._wrong("EARLY", f"message {told.number} was {what} {early_ms} ms before its time")

    def _by_consumer(self, told: Told) -> None:
        name = f"{type(told.event).__name__} of message {told.number}"
        if self._asker[0] != told.copy.principal:
            self._wrong("STOLEN", f"{name} by {'/'.join(self._asker)}")
        if self._now >= told.copy.due:
            self._wrong("NO_SUCH_LEASE", f"{name} after its lease was over")

    def _waits(self, sub: Subscription, number: int) -> None:
        group = self.live[number][0]
        if group is not None:
            heappush(sub.waiting.setdefault(group, []), number)

    def _free(self, sub: Subscription, number: int) -> None:
        """Its group may go on."""
        group = self.live[number][0]
        if group is not None and sub.busy.get(group) == number:
            del sub.busy[group]

    def _gone(self, sub: Subscription, number: int) -> None:
        self._free(sub, number)
        del sub.copies[number]
        self._done(number)

    def _done(self, number: int) -> None:
        self._owed[number] -= 1
        if self._owed[number] == 0:
            del self._owed[number]
            self._bytes -= self.live.pop(number)[1]

    def _wrong(self, code: str, what: str) -> None:
        self._complain(code, f"{self._key}: {what}")


_RULES: dict[type, Any] = {
    e.MessagesDelivered: ShardModel._delivered,
    e.MessagesAcked: ShardModel._acked,
    e.LeasesExtended: ShardModel._extended,
    e.MessagesReturned: ShardModel._returned,
    e.MessagesDue: ShardModel._due,
    e.MessagesDied: ShardModel._died,
    e.MessagesRedriven: ShardModel._redriven,
    e.MessagesPurged: ShardModel._purged,
    e.MessagesMoved: ShardModel._moved,
    e.MovesFailed: ShardModel._move_failed,
}
"""What each event must fit, and what it does."""
