"""A shard as it stands. All of it is persistent: the state before an event stays what it was.

A queue may hold a million messages. One that is fresh and in no group is in `messages` and in one lane, nowhere else.
Imports the standard library and `immutables` only.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from immutables import Map

from streams.domain.decider import LeaseMs
from streams.domain.queues.body import Body
from streams.domain.queues.dedup import NOTHING_KNOWN, Dedup
from streams.domain.queues.events import ReceiveEnd
from streams.domain.queues.groups import Group
from streams.domain.queues.numbered import NOTHING, Numbered
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.structures.agenda import NOTHING_DUE, Agenda
from streams.domain.structures.fifo import EMPTY, Fifo
from streams.domain.structures.heap import Heap
from streams.domain.value import value

PRIORITIES: Final = 10


@value
class Lease:
    """Who keeps some messages until when. One object for all of a delivery that end together."""

    principal: str
    client: str
    sequence: int
    token: int
    expires_at: LeaseMs
    session: str = ""
    """Of the node it acts for; '': of none."""


@value
class Held:
    """The messages of a lease, gone ones among them, and how many it still has."""

    lease: Lease
    messages: tuple[int, ...]
    left: int


@value
class Wait:
    """A receive that waits for messages."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    subscription: str
    max_messages: int
    lease_ms: int
    wait_until: LeaseMs
    session: str = ""
    """Of the node it acts for; '': of none."""


@value
class Past:
    """What a message that came back has behind it: deliveries that count, and why it came back last."""

    attempts: int
    reason: str


@value
class Lane:
    """Ready messages of one priority: as they came in, and (since, number) of those that came otherwise.

    Some may not be ready any more, but the first of either part is, and they are bounded by the messages that are here.
    """

    fresh: Fifo[int]
    back: Heap
    size: int
    """Of that heap."""


@dataclass(slots=True)
class Deliveries:
    """What one subscription has to deliver, by where it stands. What is nowhere else is ready, or behind its group.

    Only a desk changes one: its own copy.
    """

    lanes: tuple[Lane, ...]
    delayed: Agenda[int]
    leased: Map[int, Lease]
    held: Map[tuple[LeaseMs, int], Held]
    """Leases by end and token."""
    receives: Map[tuple[str, str, int], tuple[tuple[LeaseMs, int], ...]]
    """Of each receive, by principal, client and sequence, the leases that it has."""
    ends: Agenda[tuple[LeaseMs, int]]
    """Of leases."""
    past: Map[int, Past]
    groups: Map[str, Group]
    grouped: int
    """Messages in groups, the dead and the moving not among them."""
    late: int
    """Of those, how many would be in another shard by the newest route, or may be: older than it, or stray. Not those
    that are revived."""
    revived: Map[int, bool]
    """Of those, which were redriven while the queue was resized: their group may have gone on elsewhere meanwhile."""
    dead: Numbered[bool]
    moving: Map[int, str]
    """To which queue."""
    waits: Map[int, Wait]
    line: Agenda[int]
    """Tickets, first come, first served."""
    timeouts: Agenda[int]
    mine: Numbered[bool] | None
    """What of the messages it still needs; None: all (it is the only subscription)."""


@dataclass(slots=True)
class Queue:
    """One shard of a queue. Without settings it is not there. Only a desk changes one: its own copy."""

    incarnation: int
    version: int
    settings: QueueSettings | None
    route: QueueRoute
    next_message: int
    boundary: int
    """Messages below it are older than the newest route."""
    messages: Numbered[Body]
    bytes: int
    away: int
    """Bytes of the messages that are moving (of a broadcast queue: 0)."""
    since: Map[int, LeaseMs]
    """When those that were delayed at first may be delivered; the others: since they were enqueued."""
    strays: Map[int, bool]
    dedup: Dedup
    arrivals: Dedup
    """The same of messages that were moved here, by the identities of their moves."""
    owed: Map[int, int]
    """Of a broadcast queue: how many subscriptions still need each message."""
    subscriptions: dict[str, Deliveries]
    leaving: Fifo[tuple[Wait, ReceiveEnd]]
    """Waits that are to end, and why, in that order."""


_OF_QUEUE: Final = attrgetter(*Queue.__slots__)
_OF_DELIVERIES: Final = attrgetter(*Deliveries.__slots__)


def queue_copy(queue: Queue) -> Queue:
    """Return a copy to be changed."""
    return Queue(*_OF_QUEUE(queue))


def deliveries_copy(sub: Deliveries) -> Deliveries:
    """Return a copy to be changed."""
    return Deliveries(*_OF_DELIVERIES(sub))


NO_LANE: Final = Lane(EMPTY, None, 0)
NOTHING_TO_DELIVER: Final = Deliveries(
    lanes=(NO_LANE,) * PRIORITIES,
    delayed=NOTHING_DUE,
    leased=Map(),
    held=Map(),
    receives=Map(),
    ends=NOTHING_DUE,
    past=Map(),
    groups=Map(),
    grouped=0,
    late=0,
    revived=Map(),
    dead=NOTHING,
    moving=Map(),
    waits=Map(),
    line=NOTHING_DUE,
    timeouts=NOTHING_DUE,
    mine=None,
)
ABSENT: Final = Queue(
    incarnation=0,
    version=0,
    settings=None,
    route=QueueRoute(0, 1, 1),
    next_message=1,
    boundary=1,
    messages=NOTHING,
    bytes=0,
    away=0,
    since=Map(),
    strays=Map(),
    dedup=NOTHING_KNOWN,
    arrivals=NOTHING_KNOWN,
    owed=Map(),
    subscriptions={},
    leaving=EMPTY,
)


def members(queue: Queue, sub: Deliveries) -> Numbered[Any]:
    """Return the messages that the subscription still needs; the values mean nothing."""
    return queue.messages if sub.mine is None else sub.mine


def deliverable(queue: Queue, sub: Deliveries) -> bool:
    """Say whether somebody waits, and something is there for them."""
    if not sub.waits or queue.settings is None or queue.settings.paused:
        return False
    return any(lane is not NO_LANE for lane in sub.lanes)


def next_deadline(queue: Queue) -> LeaseMs | None:
    """Return when a Tick is due: a delay, lease or wait ends; 0 (at once) while there is work left."""
    if len(queue.leaving):
        return 0
    soonest: LeaseMs | None = None
    for sub in queue.subscriptions.values():
        if sub.waits and deliverable(queue, sub):
            return 0
        for agenda in (sub.ends, sub.delayed, sub.timeouts):
            heap = agenda.heap
            if heap is not None and (soonest is None or heap[1][0] < soonest):
                soonest = heap[1][0]
    return soonest
