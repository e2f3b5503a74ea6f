"""One shard as its fold keeps it, and back from its rows.

The messages of a subscription are their rows of `QUEUE_DELIVERIES`: tuples of plain values, which cost the garbage
collector nothing. Bodies are not kept at all.
"""

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from sys import intern
from typing import Final

from streams.domain.value import value
from streams.projections.causes import key_of_place
from streams.projections.queues.tables import QUEUE_DELIVERIES, QUEUE_SHARDS, QUEUE_SUBSCRIPTIONS
from streams.projections.table import Row, Table

STATES: Final = ("READY", "DELAYED", "LEASED", "DEAD", "MOVING")
PLACE: Final = {state: index for index, state in enumerate(STATES)}
_COLUMN = {name: index for index, name in enumerate(QUEUE_DELIVERIES.columns)}
NUMBER: Final = _COLUMN["number"]
STATE: Final = _COLUMN["state"]
ATTEMPTS: Final = _COLUMN["attempts"]
SIZE: Final = _COLUMN["size"]
ENQUEUED_MS: Final = _COLUMN["enqueued_ms"]
DUE_LEASE_MS: Final = _COLUMN["due_lease_ms"]
TOKEN: Final = _COLUMN["token"]
REASON: Final = _COLUMN["reason"]
_FEW: Final = 64
SINCE_MS: Final = _COLUMN["since_ms"]


@value
class Head:
    """What a shard is, but for its messages."""

    partition: int
    tenant: str
    queue: str
    shard: int
    incarnation: int
    version: int
    settings: str
    """JSON."""
    epoch: int
    shards: int
    previous: int
    paused: bool
    broadcast: bool
    created_offset: int
    created_ms: int

    @property
    def key(self) -> Row:
        """Return the key of its row of `QUEUE_SHARDS`."""
        return (self.partition, self.tenant, self.queue, self.shard)


class Subscription:
    """What one subscription has: rows of `QUEUE_DELIVERIES` by number, how many of each state, and who waits."""

    __slots__ = ("_living", "changed_ms", "changed_offset", "counts", "name", "rows", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[int, Row] = {}
        self._living: list[int] = []
        """A heap of the messages that are not dead, and of some that are gone."""
        self.counts = [0] * len(STATES)
        self.waiting = 0
        self.changed_offset = 0
        self.changed_ms = 0

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest message that is not dead was enqueued; None: there is none."""
        rows, living = self.rows, self._living
        while living and not _lives(rows.get(living[0])):
            heappop(living)
        return rows[living[0]][ENQUEUED_MS] if living else None

    def lives(self, number: int) -> None:
        """Note down a message that is new, or dead no more."""
        heappush(self._living, number)
        if len(self._living) > 2 * len(self.rows) + _FEW:
            self.began()

    def began(self) -> None:
        """Note down all that is there."""
        self._living = [number for number, row in self.rows.items() if _lives(row)]
        heapify(self._living)

    def row(self, head: Head) -> Row:
        """Return its row of `QUEUE_SUBSCRIPTIONS`."""
        return (
            head.partition, head.incarnation, self.name, *self.counts, self.waiting, self.changed_offset,
            self.changed_ms,
        )  # fmt: skip


def _lives(row: Row | None) -> bool:
    return row is not None and row[STATE] != "DEAD"


class Shard:
    """One shard."""

    __slots__ = (
        "bytes", "changed_ms", "changed_offset", "deleted", "head", "messages", "next_message", "subscriptions",
        "touched",
    )  # fmt: skip

    def __init__(self, head: Head) -> None:
        self.head = head
        self.messages = 0
        self.bytes = 0
        self.next_message = 1
        self.subscriptions: dict[str, Subscription] = {}
        self.changed_offset = 0
        self.changed_ms = 0
        self.touched: set[str] = set()
        """Subscriptions whose rows are not as written."""
        self.deleted = False

    @property
    def counts(self) -> list[int]:
        """Return how many of each state, over all subscriptions."""
        return [
            sum(each) for each in zip(*(one.counts for one in self.subscriptions.values()), strict=True)
        ] or [0] * len(STATES)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest message that is not dead was enqueued; None: there is none."""
        found = [one.oldest_ms for one in self.subscriptions.values()]
        return min((each for each in found if each is not None), default=None)

    @property
    def waiting(self) -> int:
        """Consumers that wait, over all subscriptions."""
        return sum([one.waiting for one in self.subscriptions.values()])

    def row(self) -> Row:
        """Return its row of `QUEUE_SHARDS`."""
        head = self.head
        return (
            *head.key, head.incarnation, head.version, head.settings, head.epoch, head.shards, head.previous,
            head.paused, head.broadcast,
            self.messages, self.bytes, self.next_message, *self.counts, self.waiting,
            head.created_offset, head.created_ms, self.changed_offset, self.changed_ms,
        )  # fmt: skip

    def history_row(self, *, with_settings: bool) -> Row:
        """Return its row of `QUEUE_HISTORY` as of the commit that changed it last."""
        head = self.head
        return (
            *head.key, self.changed_offset, self.changed_ms,
            head.incarnation, self.deleted, head.settings if with_settings else None,
            head.version, head.epoch, head.shards, head.previous,
            self.messages, self.bytes, *self.counts, self.waiting,
        )  # fmt: skip


def restored(rows: Mapping[Table, Iterable[Row]]) -> dict[str, Shard]:
    """Return the shards of one partition by key (`tenant/name`), from their rows."""
    shards = {row[4]: _shard(row) for row in rows.get(QUEUE_SHARDS, ())}
    for row in rows.get(QUEUE_SUBSCRIPTIONS, ()):
        one = Subscription(row[2])
        one.counts = list(row[3:8])
        one.waiting, one.changed_offset, one.changed_ms = row[8:]
        shards[row[1]].subscriptions[one.name] = one
    for row in rows.get(QUEUE_DELIVERIES, ()):
        head = shards[row[1]].head
        one = shards[row[1]].subscriptions[row[2]]
        # what all share is kept once
        one.rows[row[NUMBER]] = (
            head.partition, head.incarnation, one.name, row[NUMBER], intern(row[STATE]), *row[STATE + 1 :],
        )  # fmt: skip
    for shard in shards.values():
        for one in shard.subscriptions.values():
            one.began()
    return {
        key_of_place(shard.head.tenant, shard.head.queue, shard.head.shard): shard
        for shard in shards.values()
    }


def _shard(row: Row) -> Shard:
    shard = Shard(Head(*row[:12], *row[21:23]))
    shard.messages, shard.bytes, shard.next_message = row[12:15]
    shard.changed_offset, shard.changed_ms = row[23:]
    return shard
