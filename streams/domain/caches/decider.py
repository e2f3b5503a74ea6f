"""Caches: who has which line, who must give it up, who may write. Pure: no clock, no randomness, no I/O.

This module is the kind's `streams.domain.decider.Decider`, of one shard. The rules:

* One client at the most has an entry Exclusive or Modified, and then nobody else has a line of it.
* A client trusts its lines while its read lease holds. It is called to give one up, and says when it has.
* Strict: a write is in force, and answered, when all others have given up their lines or their leases are over; reads
  of the entry wait meanwhile. Relaxed: at once.
* What was written to a Modified line is the directory's when it is written back; late, it is refused by token.
* Of those who miss an entry one loads it, the others wait for it.
* No decision has more than some 200 events: the next Tick, due at once, goes on.

Imports the standard library only (its parts: `immutables` too).
"""

from typing import TypeAlias

from streams.domain.caches import fill, listen, operate, read, write
from streams.domain.caches.commands import (
    Command,
    ConfigureCache,
    CreateCache,
    DeleteCache,
    DeleteEntry,
    FailFill,
    FillEntry,
    InspectCache,
    InspectEntry,
    InvalidateTag,
    Listen,
    ReadEntry,
    StopListening,
    WarmEntries,
    WithdrawWait,
    WriteBack,
    WriteEntry,
)
from streams.domain.caches.draft import Draft
from streams.domain.caches.events import Event
from streams.domain.caches.evolve import evolve
from streams.domain.caches.inspect import inspect_entry, shown
from streams.domain.caches.limits import refuse_place
from streams.domain.caches.replies import CacheSwept, Reply
from streams.domain.caches.settle import settles
from streams.domain.caches.state import ABSENT, Cache, next_deadline
from streams.domain.caches.sweep import sweep
from streams.domain.decider import Context, Decision, Requester, Tick
from streams.domain.session import SessionGone

__all__ = ["decide", "evolve", "initial", "next_deadline", "settles"]


def initial(key: str) -> Cache:  # noqa: ARG001 - a cache that is not there knows not even its name
    """Return the cache that is not there."""
    return ABSENT


def decide(
    command: Command | SessionGone | Tick, who: Requester, state: Cache, context: Context
) -> Decision[Event, Reply]:
    """Return the events that `command` causes on the shard, or why it is refused."""
    draft = Draft(state, context)
    match command:
        case Tick():
            sweep(draft)
            return draft.decision(CacheSwept())
        case SessionGone():
            return listen.session_gone(command, draft)
    refused = refuse_place(command.cache, command.shard)
    if refused is not None:
        return Decision((), refused)
    match command:
        case CreateCache():
            return operate.create(command, draft)
        case DeleteCache():
            return operate.delete(draft)
        case StopListening():
            return listen.stop(command, who, draft)
        case Listen() if state.closing:
            return listen.listen(command, who, draft)
    meant = command.incarnation if isinstance(command, Meant) else 0
    refused = operate.unknown(command.cache, command.shard, meant, draft)
    if refused is not None:
        return Decision((), refused)
    if isinstance(command, OfEntry):
        return _of_entry(command, who, draft)
    return _of_cache(command, who, draft)


Meant: TypeAlias = ReadEntry | WriteEntry | DeleteEntry | InvalidateTag | WarmEntries | InspectEntry
"""Commands that may name the incarnation of the shard."""
OfEntry: TypeAlias = ReadEntry | WriteEntry | DeleteEntry | WriteBack | FillEntry | FailFill
OfCache: TypeAlias = (
    Listen | ConfigureCache | InvalidateTag | WarmEntries | WithdrawWait | InspectEntry | InspectCache
)


def _of_entry(command: OfEntry, who: Requester, draft: Draft) -> Decision[Event, Reply]:
    match command:
        case ReadEntry():
            return read.read(command, who, draft)
        case WriteEntry():
            return write.write(command, who, draft)
        case DeleteEntry():
            return write.delete(command, who, draft)
        case WriteBack():
            return write.write_back(command, who, draft)
        case FillEntry():
            return fill.fill(command, who, draft)
        case FailFill():
            return fill.fail(command, who, draft)


def _of_cache(command: OfCache, who: Requester, draft: Draft) -> Decision[Event, Reply]:
    match command:
        case Listen():
            return listen.listen(command, who, draft)
        case ConfigureCache():
            return operate.configure(command, draft)
        case InvalidateTag():
            return fill.invalidate_tag(command, who, draft)
        case WarmEntries():
            return write.warm(command, draft)
        case WithdrawWait():
            return read.withdraw(command, who, draft)
        case InspectEntry():
            return inspect_entry(command, draft.cache)
        case InspectCache():
            stats = shown(draft.cache)
            assert stats is not None
            return Decision((), stats)
