"""What one decision does to one shard, until it is clear that all of it fits: then `settle`, else it is dropped.

Of a message that came and went within one decision nothing is left but its history.
"""

from typing import Final

from streams.projections.measures import Noted
from streams.projections.queues.standing import (
    NUMBER,
    PLACE,
    SIZE,
    STATE,
    STATES,
    Head,
    Shard,
    Subscription,
)
from streams.projections.queues.tables import (
    MESSAGE_HISTORY,
    QUEUE_DELIVERIES,
    QUEUE_MESSAGES,
    QUEUE_SHARDS,
    QUEUE_SUBSCRIPTIONS,
)
from streams.projections.table import Changes, Row

_NEW: Final[dict[int, Row]] = {}


class Owed:
    """What one subscription has, as far as this decision changed it."""

    __slots__ = ("_rows", "changed", "counts", "waiting")

    def __init__(self, before: Subscription | None) -> None:
        self._rows = _NEW if before is None else before.rows
        self.changed: dict[int, Row | None] = {}
        """None: gone."""
        self.counts = [0] * len(STATES) if before is None else before.counts.copy()
        self.waiting = 0 if before is None else before.waiting

    def has(self, number: int) -> bool:
        """Return whether it has this message."""
        if number in self.changed:
            return self.changed[number] is not None
        return number in self._rows

    def get(self, number: int, *states: str) -> Row:
        """Return a message's row. Raises `LookupError` if it has none in one of these states."""
        row = self.changed[number] if number in self.changed else self._rows.get(number)
        if row is None or row[STATE] not in states:
            stands = "not there" if row is None else row[STATE]
            raise LookupError(f"message {number} is {stands}, where {' or '.join(states)} was expected")
        return row

    def numbers(self) -> list[int]:
        """Return the messages that it has."""
        return [number for number in (self._rows.keys() | self.changed.keys()) if self.has(number)]

    def add(self, row: Row) -> None:
        """Add a message."""
        self.changed[row[NUMBER]] = row
        self.counts[PLACE[row[STATE]]] += 1

    def put(self, before: Row, row: Row) -> None:
        """Replace a message's row."""
        self.changed[row[NUMBER]] = row
        if before[STATE] is not row[STATE]:
            self.counts[PLACE[before[STATE]]] -= 1
            self.counts[PLACE[row[STATE]]] += 1

    def remove(self, before: Row) -> None:
        """Forget a message."""
        self.changed[before[NUMBER]] = None
        self.counts[PLACE[before[STATE]]] -= 1


class Draft:
    """A shard in the making; `head` is None as long as, and as soon as, it is not there."""

    __slots__ = (
        "_bodies", "_gone", "bytes", "configured", "head", "history", "messages", "next_message", "noted", "owed",
        "shard",
    )  # fmt: skip

    def __init__(self, shard: Shard | None) -> None:
        self.shard = shard
        self.head: Head | None = None if shard is None else shard.head
        self.messages = 0 if shard is None else shard.messages
        self.bytes = 0 if shard is None else shard.bytes
        self.next_message = 1 if shard is None else shard.next_message
        self.owed: dict[str, Owed | None] = {}
        """By subscription, those that this decision touched; None: it is gone."""
        self.history: list[Row] = []
        self.noted: Noted | None = None
        self.configured = False
        self._bodies: dict[int, Row] = {}
        self._gone: list[int] = []

    def there(self) -> Head:
        """Return the head. Raises `LookupError` if the shard is not there."""
        if self.head is None:
            raise LookupError("there is no such queue")
        return self.head

    def subscription(self, name: str) -> Owed:
        """Return what a subscription has. Raises `LookupError`."""
        if name in self.owed:
            owed = self.owed[name]
            if owed is None:
                raise LookupError(f"there is no subscription {name!r} any more")
            return owed
        before = None if self.shard is None else self.shard.subscriptions.get(name)
        if before is None:
            raise LookupError(f"there is no subscription {name!r}")
        made = self.owed[name] = Owed(before)
        return made

    def names(self) -> list[str]:
        """Return the subscriptions that are there, by name."""
        had = set() if self.shard is None else set(self.shard.subscriptions)
        return sorted(name for name in had | self.owed.keys() if self.owed.get(name, self) is not None)

    def counted(self) -> Noted:
        """Return what is to be counted in the window."""
        if self.noted is None:
            self.noted = Noted()
        return self.noted

    def keep(self, body: Row, size: int) -> None:
        """Keep a body (a row of `QUEUE_MESSAGES`) for the subscriptions that owe it."""
        self._bodies[body[2]] = body
        self.messages += 1
        self.bytes += size

    def done(self, owed: Owed, row: Row) -> None:
        """A subscription owes a message no more; nobody needs its body if none does."""
        owed.remove(row)
        number = row[NUMBER]
        if self.there().broadcast and any(self.subscription(name).has(number) for name in self.names()):
            return
        if self._bodies.pop(number, None) is None:
            self._gone.append(number)
        self.messages -= 1
        self.bytes -= row[SIZE]

    def settle(self, changes: Changes, offset: int, time_ms: int) -> Shard:
        """Make it so; return the shard. One that was deleted is what it was, empty."""
        shard = self._shard(changes)
        shard.changed_offset, shard.changed_ms = offset, time_ms
        shard.messages, shard.bytes, shard.next_message = self.messages, self.bytes, self.next_message
        for name, owed in self.owed.items():
            _settle_owed(changes, shard, name, owed)
        for body in self._bodies.values():
            changes.insert(QUEUE_MESSAGES, body)
        for number in self._gone:
            changes.delete(QUEUE_MESSAGES, (shard.head.partition, shard.head.incarnation, number))
        for step in self.history:
            changes.insert(MESSAGE_HISTORY, step)
        if shard.deleted:
            changes.delete(QUEUE_SHARDS, shard.head.key)
        return shard

    def _shard(self, changes: Changes) -> Shard:
        shard, head = self.shard, self.head
        if shard is None:
            assert head is not None, "a decision without a shard makes one"
            shard = Shard(head)
            changes.insert(QUEUE_SHARDS, shard.row())
        elif head is None:
            shard.deleted = True
        else:
            shard.head = head
        return shard


def _settle_owed(changes: Changes, shard: Shard, name: str, owed: Owed | None) -> None:
    head, one = shard.head, shard.subscriptions.get(name)
    if owed is None:
        if one is not None:
            for number in one.rows:
                changes.delete(QUEUE_DELIVERIES, (head.partition, head.incarnation, name, number))
            changes.delete(QUEUE_SUBSCRIPTIONS, (head.partition, head.incarnation, name))
            del shard.subscriptions[name]
            shard.touched.discard(name)
        return
    if one is None:
        one = shard.subscriptions[name] = Subscription(name)
        changes.insert(QUEUE_SUBSCRIPTIONS, one.row(head))
    one.counts, one.waiting = owed.counts, owed.waiting
    one.changed_offset, one.changed_ms = shard.changed_offset, shard.changed_ms
    shard.touched.add(name)
    rows = one.rows
    for number, row in owed.changed.items():
        if row is None:
            if rows.pop(number, None) is not None:
                changes.delete(QUEUE_DELIVERIES, (head.partition, head.incarnation, name, number))
        else:
            before = rows.get(number)
            put = changes.insert if before is None else changes.upsert
            rows[number] = row
            if before is None or before[STATE] == "DEAD":
                one.lives(number)
            put(QUEUE_DELIVERIES, row)
