"""The work that time and acknowledgements leave: ends of leases, loads, waits and entries, and what follows.

Whatever does not fit one decision is left for the next Tick, which is due at once. Standard library only.
"""

from itertools import islice

from streams.domain.caches import events as e
from streams.domain.caches.advance import advance, end_wait
from streams.domain.caches.changes import remove
from streams.domain.caches.draft import BATCH, Draft
from streams.domain.caches.limits import MAX_EVENTS
from streams.domain.caches.state import MAX_CHANGING, Job, owner_of
from streams.domain.structures.heap import rising


def sweep(draft: Draft) -> None:
    """Add all that is due, as far as the decision has room.

    Who waits comes before what may be many decisions' work: lines of those who are gone, ends of entries, tags.
    """
    if draft.cache.closing:
        _close(draft)
    _end_leases(draft)
    _end_fills(draft)
    _end_waits(draft)
    _advance_ready(draft)
    _clear_leaving(draft)
    _expire(draft)
    _invalidate(draft)
    _advance_ready(draft)


def _advance_ready(draft: Draft) -> None:
    for _, name in list(islice(rising(draft.cache.ready.heap), MAX_EVENTS)):
        if draft.full:
            return
        advance(draft, name)


def _close(draft: Draft) -> None:
    """Tell those who wait that the cache is deleted; when nobody may trust it any more, it is gone."""
    cache = draft.cache
    for job in cache.jobs:
        _cleared(draft, job)
    for ticket in sorted(cache.waits)[:MAX_EVENTS]:
        if draft.full:
            return
        end_wait(draft, cache.waits[ticket], "DELETED", 0)
    told = [each for each in cache.listeners.values() if each.sequence]
    for listener in told[:MAX_EVENTS]:
        if draft.full:
            return
        names = (listener.principal, listener.client)
        draft.add(e.ListenEnded(*names, listener.sequence, listener.attachment), *names)
    _end_leases(draft)
    if not (draft.cache.listeners or draft.cache.waits or draft.cache.jobs):
        draft.add(e.CacheDeleted())


def _end_leases(draft: Draft) -> None:
    while (first := draft.cache.leases.first) is not None and first[0] <= draft.now and not draft.full:
        draft.end_listener(draft.cache.listeners[first[1]], "LEASE_OVER")


def _clear_leaving(draft: Draft) -> None:
    while (first := draft.cache.leaving.first) is not None and not draft.full:
        draft.clear_listener(first[1])


def _end_fills(draft: Draft) -> None:
    while (first := draft.cache.fills.first) is not None and first[0] <= draft.now and not draft.full:
        fill = draft.entry(first[1]).fill
        assert fill is not None
        draft.add(e.FillEnded(first[1], fill.token, "TIMED_OUT", ""), first[1])


def _end_waits(draft: Draft) -> None:
    while (first := draft.cache.timeouts.first) is not None and first[0] <= draft.now and not draft.full:
        end_wait(draft, draft.cache.waits[first[1]], "TIMED_OUT", 0)


def _expire(draft: Draft) -> None:
    names = list[str]()
    for at, name in islice(rising(draft.cache.expiries.heap), MAX_EVENTS):
        if at > draft.now:
            break
        if draft.cache.expiries.times.get(name) == at:
            names.append(name)
    plain = list[str]()
    for name in dict.fromkeys(names):
        if draft.full:
            break
        lose_expired(draft, name)
        plain.append(name)
    for start in range(0, len(plain), BATCH):
        batch = tuple(plain[start : start + BATCH])
        draft.add(e.EntriesRemoved(batch, "EXPIRED"), *batch)


def lose_expired(draft: Draft, name: str) -> None:
    """Add that what was written to an entry that expires, and not written back, is lost."""
    owner = owner_of(draft.entry(name))
    if owner:
        draft.lose(owner, name, "EXPIRED")


def _invalidate(draft: Draft) -> None:
    for place in range(len(draft.cache.jobs)):
        _go_on(draft, draft.cache.jobs[place])
    for job in draft.cache.jobs:
        if not job.left and not draft.full:
            _cleared(draft, job)


def _cleared(draft: Draft, job: Job) -> None:
    names = (job.principal, job.client)
    draft.add(e.TagCleared(*names, job.sequence, job.ticket, job.tag, job.entries), *names, job.tag)


def _go_on(draft: Draft, job: Job) -> None:
    names = [name for _, name in islice(job.todo.items(), 2 * BATCH) if name not in draft.served]
    plain = tuple([name for name in names if not draft.entry(name).lines])
    for start in range(0, len(plain), BATCH):
        if draft.full:
            return
        batch = plain[start : start + BATCH]
        draft.add(e.EntriesRemoved(batch, "TAG"), *batch)
    for name in names:
        if draft.full or len(draft.cache.changing) >= MAX_CHANGING:
            return
        if draft.entry(name).lines:
            remove(draft, name, "TAG")
