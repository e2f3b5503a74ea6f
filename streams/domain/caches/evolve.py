"""The fold: a shard after an event. It trusts the log and decides nothing; released behaviour never changes.

An event that does not fit the state raises `LookupError`: the log is then not the one this state came from.
Imports the standard library and `immutables` only.
"""

from immutables import Map

from streams.domain.caches import fold_entries, fold_listeners
from streams.domain.caches.events import CacheClosing, CacheConfigured, CacheCreated, CacheDeleted, Event
from streams.domain.caches.state import ABSENT, Cache, changed
from streams.domain.structures.fifo import EMPTY


def evolve(cache: Cache, event: Event) -> Cache:
    """Return the shard after `event`. Raises `LookupError` on what is not here."""
    if isinstance(event, fold_listeners.OfListener):
        return fold_listeners.evolve(cache, event)
    match event:
        case CacheCreated():
            made = changed(ABSENT, incarnation=event.incarnation, version=1)
            made.settings, made.shards = event.settings, event.shards
            return made
        case CacheConfigured():
            return changed(cache, version=event.version, settings=event.settings)
        case CacheClosing():
            return _closing(cache)
        case CacheDeleted():
            return ABSENT
        case _:
            return fold_entries.evolve(cache, event)


def _closing(cache: Cache) -> Cache:
    """Return the shard with nothing in it but those who may not know it yet."""
    stay = {
        attachment: changed(each, lines=Map(), calls=EMPTY, owes=Map(), fills=Map())
        for attachment, each in cache.listeners.items()
        if not each.leaving
    }
    return changed(
        ABSENT,
        incarnation=cache.incarnation,
        version=cache.version,
        settings=cache.settings,
        shards=cache.shards,
        closing=True,
        listeners=Map(stay),
        attached=cache.attached,
        leases=cache.leases,
        sessions=cache.sessions,
        waits=cache.waits,
        wait_bytes=cache.wait_bytes,
        jobs=tuple([changed(job, todo=Map(), left=Map()) for job in cache.jobs]),
    )
