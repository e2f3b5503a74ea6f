"""A decision on a service in the making, and what follows from it: whoever waits is told. Standard library only."""

from streams.domain.decider import Context, Decision, Rejected
from streams.domain.nodes.events import Event, OfServiceEvent, WatchEnd, WatchEnded
from streams.domain.nodes.limits import MAX_ATTACHED, MAX_DECISION_BYTES, MAX_EVENTS
from streams.domain.nodes.replies import Reply
from streams.domain.nodes.service import Service, Watch
from streams.domain.nodes.service_fold import evolve

ROOM_FOR_ONE = 4_096
"""What any event takes but for lists of names, at the most."""


class Draft:
    """The events decided so far, and the service as they leave it."""

    __slots__ = ("attached", "context", "events", "room", "service")

    def __init__(self, service: Service, context: Context) -> None:
        self.service = service
        self.context = context
        self.events: list[OfServiceEvent] = []
        self.room = MAX_DECISION_BYTES
        """Bytes that are left for events, about."""
        self.attached = 0
        """Bytes of instances that go out with the events, about."""

    def add(self, event: OfServiceEvent, size: int) -> None:
        """Decide that `event` happens next; it takes `size` bytes at the most."""
        self.events.append(event)
        self.service = evolve(self.service, event)
        self.room -= size

    def decision(self, reply: Reply | Rejected, *, waiting: bool = False) -> Decision[Event, Reply]:
        """Return what was drafted, with its reply."""
        return Decision(tuple(self.events), reply, waiting, self.service)

    @property
    def next_token(self) -> int:
        """Version, or ticket, that the event has which is added next."""
        return self.context.token(len(self.events))

    @property
    def full(self) -> bool:
        """True when nobody more may be told."""
        return len(self.events) >= MAX_EVENTS or self.room < ROOM_FOR_ONE or self.attached >= MAX_ATTACHED


def settle(draft: Draft) -> None:
    """Add the end of all waits for another version than there is now, and of those whose time is over.

    What does not fit is left for the next Tick, which is due at once.
    """
    service, now = draft.service, draft.context.now
    for watch in service.watches:
        if draft.full:
            return
        if watch.known_version != service.version:
            draft.attached += service.bytes
            _end(draft, watch, "CHANGED")
        elif watch.wait_until <= now:
            _end(draft, watch, "TIMED_OUT")


def _end(draft: Draft, w: Watch, cause: WatchEnd) -> None:
    size = 64 + 4 * (len(w.principal) + len(w.client) + len(w.handle))
    draft.add(ended(w, cause, draft.service.version), size)


def ended(w: Watch, cause: WatchEnd, version: int) -> WatchEnded:
    """Return the event that ends the wait `w`."""
    return WatchEnded(w.principal, w.client, w.handle, w.sequence, w.ticket, cause, version)
