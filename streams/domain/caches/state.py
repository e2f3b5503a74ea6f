"""A shard as it stands. All of it is persistent: the state before an event stays what it was.

A listener's lines are under `entries`, which say their states; the listener has their tokens, in an order that is the
same on every machine. Imports the standard library and `immutables` only.
"""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, TypeAlias, TypeVar

from immutables import Map

from streams.domain.caches.commands import LineState
from streams.domain.caches.events import LineCall, ListenerEnd, Purpose, WaitStarted
from streams.domain.caches.recency import NOTHING, Recency
from streams.domain.caches.settings import CacheSettings
from streams.domain.decider import LeaseMs
from streams.domain.structures.agenda import NOTHING_DUE, Agenda
from streams.domain.structures.fifo import EMPTY, Fifo
from streams.domain.value import value

Client: TypeAlias = tuple[str, str]
"""(principal, client)"""
NEVER: Final = (1 << 63) - 1


@value
class Line:
    """A line of an entry: SHARED, EXCLUSIVE or MODIFIED."""

    state: LineState
    token: int


@value
class Change:
    """What is done to an entry, and who has yet to acknowledge which call."""

    purpose: Purpose
    ticket: int
    own: int
    awaits: Map[int, int]


@value
class Fill:
    """Who loads a missing entry."""

    token: int
    principal: str
    client: str
    attachment: int
    expires_at: LeaseMs


@value
class Entry:
    """An entry. Without a value it is missing, or on its way in or out."""

    value: bytes | None
    version: int
    mark: int
    """Grows with every value of the shard; 0: there is none."""
    tags: tuple[str, ...]
    ttl_ms: int
    expires_at: LeaseMs
    lines: Map[int, Line]
    """By attachment."""
    change: Change | None
    fill: Fill | None
    reads: tuple[int, ...]
    """Tickets of those that wait, in order."""
    writes: tuple[int, ...]


BLANK: Final = Entry(None, 0, 0, (), 0, 0, Map(), None, None, (), ())


@value
class Listener:
    """A client that keeps lines."""

    principal: str
    client: str
    session: str
    attachment: int
    sequence: int
    """The standing Listen; 0: none."""
    expires_at: LeaseMs
    lines: Map[int, str]
    """Entries by token."""
    calls: Fifo[tuple[LineCall, LeaseMs]]
    """Those that it has not acknowledged, and since when."""
    posted: int
    acked: int
    owes: Map[str, int]
    """Entries whose change waits for it, and for which number."""
    fills: Map[str, int]
    """What it loads: tokens by entry."""
    reset: bool
    """It was told to join anew: no lines, no calls and no time any more."""
    leaving: bool
    """It is gone; its lines are being cleared."""
    gone: ListenerEnd
    """Why, if it is."""


@value
class Job:
    """An invalidation by tag: entries, by mark, that it has yet to begin, and to see gone."""

    principal: str
    client: str
    sequence: int
    ticket: int
    tag: str
    entries: int
    todo: Map[int, str]
    left: Map[int, str]


@dataclass(slots=True)
class Cache:
    """One shard of a cache. Without settings it is not there. Only a desk changes one: its own copy."""

    incarnation: int
    version: int
    settings: CacheSettings | None
    shards: int
    """Of the cache."""
    closing: bool
    entries: Map[str, Entry]
    stored: int
    """Entries with a value."""
    bytes: int
    modified: int
    exclusive: int
    shared: int
    changing: Map[str, bool]
    marks: int
    recency: Recency
    """Of entries with a value."""
    tags: Map[str, Map[int, str]]
    """Entries by mark."""
    expiries: Agenda[str]
    fills: Agenda[str]
    swept: Map[str, int]
    """Tags invalidated while something is being loaded, and the tickets."""
    swept_before: int
    """Invalidations up to this ticket are not in `swept` any more: any tag may have been meant."""
    listeners: Map[int, Listener]
    attached: Map[Client, int]
    """The attachment that a client has now."""
    leases: Agenda[int]
    sessions: Map[str, Map[int, bool]]
    leaving: Agenda[int]
    """Listeners that are gone, with lines to be cleared."""
    waits: Map[int, WaitStarted]
    withdrawable: Map[tuple[str, str, int], int]
    """Tickets of waits that have not begun, by principal, client and sequence."""
    wait_bytes: int
    timeouts: Agenda[int]
    """Of waits that have not begun."""
    ready: Agenda[str]
    """Entries on which something can be done."""
    jobs: tuple[Job, ...]


_T = TypeVar("_T", Entry, Listener, Change, Job, Cache)
_FIELDS: Final = {
    each: attrgetter(*[field.name for field in fields(each)])
    for each in (Entry, Listener, Change, Job, Cache)
}


def changed(old: _T, **to: Any) -> _T:
    """Return a copy with other fields: what `dataclasses.replace` does, in a third of the time."""
    kind = type(old)
    new = kind(*_FIELDS[kind](old))
    for name, content in to.items():
        setattr(new, name, content)
    return new


ABSENT: Final = Cache(
    incarnation=0,
    version=0,
    settings=None,
    shards=1,
    closing=False,
    entries=Map(),
    stored=0,
    bytes=0,
    modified=0,
    exclusive=0,
    shared=0,
    changing=Map(),
    marks=0,
    recency=NOTHING,
    tags=Map(),
    expiries=NOTHING_DUE,
    fills=NOTHING_DUE,
    swept=Map(),
    swept_before=0,
    listeners=Map(),
    attached=Map(),
    leases=NOTHING_DUE,
    sessions=Map(),
    leaving=NOTHING_DUE,
    waits=Map(),
    withdrawable=Map(),
    wait_bytes=0,
    timeouts=NOTHING_DUE,
    ready=NOTHING_DUE,
    jobs=(),
)
NEW_LISTENER: Final = Listener("", "", "", 0, 0, 0, Map(), EMPTY, 0, 0, Map(), Map(), False, False, "LEFT")
MAX_CHANGING: Final = 2_000
"""Changes under way at which invalidations by tag pause."""


def owner_of(entry: Entry) -> int:
    """Return the attachment that holds the entry Modified, or 0."""
    if len(entry.lines) == 1:
        for attachment, line in entry.lines.items():
            return attachment if line.state == "MODIFIED" else 0
    return 0


def asker_of(wait: WaitStarted) -> tuple[str, str, int]:
    """Return whose command waits, and which."""
    return wait.principal, wait.client, wait.sequence


def uncalled(entry: Entry, own: int) -> bool:
    """Say whether others than `own` have lines of the entry."""
    return len(entry.lines) > (own in entry.lines)


def has_work(entry: Entry) -> bool:
    """Say whether something can be done on the entry at once."""
    change = entry.change
    if change is not None:
        if not change.awaits:
            return True
        return change.purpose != "RECALL" and uncalled(entry, change.own)
    if entry.writes:
        return True
    return bool(entry.reads) and (entry.value is not None or entry.fill is None)


def job_due(cache: Cache) -> bool:
    """Say whether an invalidation by tag can go on."""
    return any(not job.left or (job.todo and len(cache.changing) < MAX_CHANGING) for job in cache.jobs)


def next_deadline(cache: Cache) -> LeaseMs | None:
    """Return when a Tick is due: something ends; 0 (at once) while there is work left."""
    if cache.ready.heap is not None or cache.leaving.heap is not None:
        return 0
    if cache.jobs and job_due(cache):
        return 0
    if cache.closing and (cache.waits or cache.jobs or not cache.listeners or _untold(cache)):
        return 0
    soonest: LeaseMs | None = None
    for agenda in (cache.leases, cache.fills, cache.timeouts, cache.expiries):
        heap = agenda.heap
        if heap is not None and (soonest is None or heap[1][0] < soonest):
            soonest = heap[1][0]
    return soonest


def _untold(cache: Cache) -> bool:
    return any(each.sequence for each in cache.listeners.values())
