"""Deciding SessionGone: its waits end and its messages return, as after a lease that ran out. Standard library only."""

from streams.domain.decider import Context, Decision
from streams.domain.queues.draft import Draft, ended, kept_by, return_messages, sweep, wait_bytes
from streams.domain.queues.events import Event
from streams.domain.queues.replies import QueueSwept, Reply
from streams.domain.queues.state import Queue
from streams.domain.session import SessionGone


def sessions_of(queue: Queue) -> tuple[str, ...]:
    """Return the sessions that lease messages of the shard, or wait for some."""
    found: dict[str, None] = {}
    for sub in queue.subscriptions.values():
        found.update(dict.fromkeys([wait.session for wait in sub.waits.values()]))
        found.update(dict.fromkeys([held.lease.session for held in sub.held.values()]))
    found.pop("", None)
    return tuple(found)


def end(command: SessionGone, queue: Queue, context: Context) -> Decision[Event, Reply]:
    """Return what the session gives up, as much as one decision holds, and who gets it."""
    draft = Draft(queue, context)
    if all(_end_in(draft, name, command) for name in queue.subscriptions):
        sweep(draft)
    return draft.decision(QueueSwept())


def _end_in(draft: Draft, name: str, command: SessionGone) -> bool:
    for wait in draft.queue.subscriptions[name].waits.values():
        if wait.session == command.session:
            if draft.full:
                return False
            draft.add(ended(wait, "SESSION_ENDED"), 128 + wait_bytes(wait))
    for held in draft.queue.subscriptions[name].held.values():
        if held.lease.session == command.session:
            if draft.full:
                return False
            numbers = kept_by(draft.queue.subscriptions[name], held)
            return_messages(draft, name, numbers, "SESSION_ENDED", command.cause)
    return True
