"""The late answers to those who wait. Standard library only."""

from streams.domain.caches import events as e
from streams.domain.caches.rejections import (
    CACHE_DELETED,
    WAIT_TIMED_OUT,
    WAIT_WITHDRAWN,
    line_held,
    listener_gone,
    version_conflict,
)
from streams.domain.caches.replies import (
    Calls,
    EntryGone,
    EntryRead,
    EntryStored,
    FillGranted,
    Reply,
    TagGone,
)
from streams.domain.decider import Rejected, Settled
from streams.domain.session import SESSION_ENDED


def settles(event: e.Event) -> Settled | None:
    """Return the final answer to the command that waited, if `event` ends its wait."""
    match event:
        case e.LinesCalled() | e.ListenEnded() | e.ListenerGone() if event.sequence:
            return Settled(event.principal, event.client, event.sequence, _listen(event))
        case e.ListenerHeard() if event.replaced:
            none = Calls(event.attachment, event.after + 1, event.after, 0)
            return Settled(event.principal, event.client, event.replaced, none)
        case (
            e.LineGranted()
            | e.FillStarted()
            | e.EntryWritten()
            | e.EntryDeleted()
            | e.WaitEnded()
            | e.TagCleared()
        ) if event.ticket:
            return Settled(event.principal, event.client, event.sequence, outcome(event))
        case _:
            return None


def _listen(event: e.LinesCalled | e.ListenEnded | e.ListenerGone) -> Reply | Rejected:
    match event:
        case e.LinesCalled():
            return Calls(event.attachment, event.after + 1, event.calls[-1].number, 0)
        case e.ListenEnded():
            return CACHE_DELETED
        case e.ListenerGone():
            ended = event.cause == "SESSION_ENDED"
            return SESSION_ENDED if ended else listener_gone(event.cause, event.attachment)


Outcome = e.LineGranted | e.FillStarted | e.EntryWritten | e.EntryDeleted | e.WaitEnded | e.TagCleared


def outcome(event: Outcome) -> Reply | Rejected:
    """Return the answer that an event gives to its read, write, deletion or invalidation."""
    match event:
        case e.LineGranted():
            return EntryRead(
                event.entry,
                True,
                event.version,
                event.attachment,
                event.token if event.state != "INVALID" else 0,
                event.state,
                event.expires_at,
                event.calls,
            )
        case e.FillStarted():
            return FillGranted(event.entry, event.token, event.expires_at)
        case e.EntryWritten():
            return EntryStored(
                event.entry,
                event.token,
                event.attachment,
                event.token if event.state != "INVALID" else 0,
                event.state,
                event.expires_at,
                event.calls,
            )
        case e.EntryDeleted():
            return EntryGone(event.entry, event.version)
        case e.TagCleared():
            return TagGone(event.tag, event.entries)
        case e.WaitEnded():
            return _ended(event)


def _ended(event: e.WaitEnded) -> Reply | Rejected:
    match event.cause:
        case "TIMED_OUT":
            return WAIT_TIMED_OUT
        case "WITHDRAWN":
            return WAIT_WITHDRAWN
        case "DELETED":
            return CACHE_DELETED
        case "MISSING":
            return EntryRead(event.entry, False, 0, 0, 0, "INVALID", 0, 0)
        case "CONFLICT":
            return version_conflict(event.entry, event.version)
        case "LINE_HELD":
            return line_held(event.entry, event.version)
