"""Deciding Listen, StopListening and the end of a session. Standard library only."""

from streams.domain.arguments import bad_argument, within
from streams.domain.caches import events as e
from streams.domain.caches.commands import Listen, StopListening
from streams.domain.caches.draft import Draft
from streams.domain.caches.limits import MAX_DROPPED, MAX_LISTENERS
from streams.domain.caches.rejections import (
    CACHE_DELETED,
    batch_too_large,
    listening_already,
    not_listening,
    too_many_listeners,
)
from streams.domain.caches.replies import CacheSwept, Calls, Listening, Reply, Stopped
from streams.domain.caches.state import Listener
from streams.domain.caches.sweep import sweep
from streams.domain.decider import Decision, LeaseMs, Rejected, Requester
from streams.domain.session import SessionGone


def listen(command: Listen, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return calls that are there, or a wait for the next; the lease goes on."""
    if draft.cache.closing:
        return Decision((), CACHE_DELETED)
    refused = _refuse(command)
    if refused is not None:
        return Decision((), refused)
    if not command.attachment:
        return _join(command, who, draft)
    listener = _mine(draft, who, command.attachment)
    if listener is None:
        return Decision((), not_listening(command.attachment))
    if command.after > listener.posted:
        rule = f"must be {listener.posted} at the most, the latest call's number"
        return Decision((), bad_argument("after", rule, command.after))
    if listener.reset:
        told = Calls(listener.attachment, listener.acked + 1, listener.posted, listener.expires_at)
        return draft.decision(told)
    return _go_on(command, who, draft, listener)


def _refuse(command: Listen) -> Rejected | None:
    if len(command.dropped) > MAX_DROPPED:
        return batch_too_large("dropped lines", len(command.dropped), MAX_DROPPED)
    return within("after", command.after, 0, (1 << 63) - 1)


def _mine(draft: Draft, who: Requester, attachment: int) -> Listener | None:
    if draft.cache.attached.get((who.principal, who.client)) != attachment:
        return None
    return draft.cache.listeners[attachment]


def _join(command: Listen, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    current = draft.cache.attached.get((who.principal, who.client))
    if current is not None and current > command.gave_up:
        return Decision((), listening_already(current))
    if len(draft.cache.listeners) >= MAX_LISTENERS:
        return Decision((), too_many_listeners(MAX_LISTENERS))
    if current is not None:
        draft.end_listener(draft.cache.listeners[current], "REJOINED")
    attachment, expires_at = draft.next_token, draft.now + draft.settings.read_lease_ms
    names = (who.principal, who.client)
    joined = e.ListenerJoined(*names, who.sequence, attachment, who.session, expires_at)
    draft.add(joined, *names, who.session)
    sweep(draft)
    return draft.answer(who, Listening(attachment, expires_at, 0, draft.settings))


def _go_on(command: Listen, who: Requester, draft: Draft, listener: Listener) -> Decision[e.Event, Reply]:
    attachment = listener.attachment
    after = _acknowledge(draft, listener, max(command.after, listener.acked))
    dropped = _drop(command, draft, attachment)
    expires_at, pending = _lease(draft, listener, after), after < listener.posted
    heard = e.ListenerHeard(
        listener.principal,
        listener.client,
        attachment,
        after,
        expires_at,
        0 if pending else who.sequence,
        listener.sequence,
        dropped,
    )
    draft.add(heard, listener.principal, listener.client, size=128 + 10 * len(dropped))
    sweep(draft)
    if pending:
        return draft.decision(Calls(attachment, after + 1, listener.posted, expires_at))
    return draft.answer(who, Listening(attachment, expires_at, after, draft.settings))


def _acknowledge(draft: Draft, listener: Listener, after: int) -> int:
    """Return up to where calls are done. Who was to write back a line and still has it Modified has lost it."""
    for call, _ in listener.calls:
        if call.number > after:
            break
        line = draft.entry(call.entry).lines.get(listener.attachment)
        if call.kind != "WRITE_BACK" or line is None or (line.state, line.token) != ("MODIFIED", call.token):
            continue
        if draft.full:
            return call.number - 1
        draft.lose(listener.attachment, call.entry, "DROPPED")
    return after


def _drop(command: Listen, draft: Draft, attachment: int) -> tuple[int, ...]:
    """Return the tokens of clean lines that the client evicted. What it held Modified is lost."""
    tokens = list[int]()
    for ref in dict.fromkeys(command.dropped):
        line = draft.entry(ref.entry).lines.get(attachment)
        if line is None or line.token != ref.token:
            continue
        if line.state != "MODIFIED":
            tokens.append(ref.token)
        elif not draft.full:
            draft.lose(attachment, ref.entry, "DROPPED")
    return tuple(tokens)


def _lease(draft: Draft, listener: Listener, after: int) -> LeaseMs:
    """Return the end of the lease: who does not acknowledge gets no more time than a lease since the call."""
    lease_ms = draft.settings.read_lease_ms
    until = draft.now + lease_ms
    for call, at in listener.calls:
        if call.number > after:
            until = min(until, at + lease_ms)
            break
    return max(listener.expires_at, until)


def stop(command: StopListening, who: Requester, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the end of a listener. One that is not there is fine."""
    listener = _mine(draft, who, command.attachment)
    if listener is not None:
        draft.end_listener(listener, "LEFT")
        sweep(draft)
    return draft.decision(Stopped())


def session_gone(command: SessionGone, draft: Draft) -> Decision[e.Event, Reply]:
    """Return the end of listeners of the session, as many as one decision holds, and what follows."""
    for attachment in sorted(draft.cache.sessions.get(command.session, ())):
        if draft.full:
            break
        draft.end_listener(draft.cache.listeners[attachment], "SESSION_ENDED", command.cause)
    sweep(draft)
    return draft.decision(CacheSwept())
