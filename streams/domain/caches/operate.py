"""Deciding what operators do with a shard: create, configure, delete. Standard library only."""

from streams.domain.arguments import bad_argument
from streams.domain.caches.commands import ConfigureCache, CreateCache
from streams.domain.caches.draft import Draft
from streams.domain.caches.events import CacheClosing, CacheConfigured, CacheCreated, Event
from streams.domain.caches.limits import refuse_settings, refuse_shards
from streams.domain.caches.rejections import (
    cache_closing,
    cache_exists,
    cache_replaced,
    cache_unknown,
    other_shards,
    settings_conflict,
)
from streams.domain.caches.replies import CacheChanged, CacheOpened, CacheRemoved, Reply
from streams.domain.caches.room import make_room
from streams.domain.caches.sweep import sweep
from streams.domain.decider import Decision, Rejected


def create(command: CreateCache, draft: Draft) -> Decision[Event, Reply]:
    """Return the new shard, or the one that is there and just so."""
    refused, cache = refuse_settings(command.settings) or refuse_shards(command), draft.cache
    if refused is not None:
        return Decision((), refused)
    if cache.closing:
        return Decision((), closing(command.cache, draft))
    if cache.settings is None:
        incarnation = draft.next_token
        draft.add(CacheCreated(incarnation, command.settings, command.shards))
        return draft.decision(CacheOpened(incarnation, 1, existed=False))
    if cache.shards != command.shards:
        return Decision((), other_shards(command.cache, command.shard, cache.shards, command.shards))
    if cache.settings == command.settings:
        return draft.decision(CacheOpened(cache.incarnation, cache.version, existed=True))
    return Decision((), cache_exists(command.cache))


def closing(name: str, draft: Draft) -> Rejected:
    """Return the refusal of whatever is asked of a cache that was deleted."""
    last = max((each.expires_at for each in draft.cache.listeners.values()), default=draft.now)
    return cache_closing(name, last - draft.now)


def configure(command: ConfigureCache, draft: Draft) -> Decision[Event, Reply]:
    """Return the new settings. Leases and times that were told stay; of what is too much now, some is evicted."""
    cache, settings = draft.cache, draft.settings
    if command.version not in (0, cache.version):
        return Decision((), settings_conflict(command.cache, command.version, cache.version))
    refused = refuse_settings(command.settings)
    if refused is None and command.settings.mode != settings.mode:
        rule = "cannot change, as clients may trust what they should not; delete the cache and create it anew"
        refused = bad_argument("mode", rule, command.settings.mode)
    if refused is not None:
        return Decision((), refused)
    if command.settings == settings:
        return draft.decision(CacheChanged(cache.version))
    draft.add(CacheConfigured(cache.version + 1, command.settings))
    make_room(draft, 0, 0)
    sweep(draft)
    return draft.decision(CacheChanged(cache.version + 1))


def delete(draft: Draft) -> Decision[Event, Reply]:
    """Return the end of the shard. One that is not there is fine."""
    stored = draft.cache.stored
    if draft.cache.settings is None or draft.cache.closing:
        return draft.decision(CacheRemoved(0))
    draft.add(CacheClosing(stored))
    sweep(draft)
    return draft.decision(CacheRemoved(stored))


def unknown(name: str, shard: int, incarnation: int, draft: Draft) -> Rejected | None:
    """Return why nothing can be asked of the shard, or None. `incarnation`: of the one that is meant; 0: any."""
    cache = draft.cache
    if cache.settings is None:
        return cache_unknown(name, shard)
    if incarnation not in (0, cache.incarnation):
        return cache_replaced(name)
    return closing(name, draft) if cache.closing else None
