"""A node as it stands: its live session, when it was heard, and what its past still asks for. Standard library only.

In three parts, so that a beat, of which there are thousands a second, makes two small values.
"""

from typing import Final

from streams.domain.decider import LeaseMs, Requester
from streams.domain.nodes.commands import Check, Health, Registration
from streams.domain.nodes.limits import QUIET_MS
from streams.domain.nodes.replies import EndedSession
from streams.domain.value import value


@value
class Member:
    """The live session."""

    name: str
    session: str
    token: int
    principal: str
    client: str
    registered_at: LeaseMs
    registration: Registration
    draining: bool
    checks: tuple[Check, ...]

    def is_of(self, who: Requester) -> bool:
        """Say whether `who` registered it."""
        return self.client == who.client and self.principal == who.principal


@value
class Pulse:
    """What the last beat said; the registration counts as one."""

    at: LeaseMs
    beats: int
    load: int
    health: Health
    suspected: bool


@value
class Past:
    """What sessions that ended have left."""

    strikes: int
    """Deaths that followed each other closely."""
    died_at: LeaseMs
    barred_until: LeaseMs
    unswept: tuple[EndedSession, ...]
    """Oldest first."""
    last: EndedSession | None


@value
class Node:
    """One node. With neither a member nor a past it is not there."""

    member: Member | None
    pulse: Pulse
    past: Past


NO_PULSE: Final = Pulse(0, 0, 0, "PASSING", suspected=False)
NO_PAST: Final = Past(0, 0, 0, (), None)
NO_NODE: Final = Node(None, NO_PULSE, NO_PAST)


def next_deadline(node: Node) -> LeaseMs | None:
    """Return when silence is suspicious, or deadly, or when the node that is gone can be forgotten."""
    member, pulse = node.member, node.pulse
    if member is not None:
        timeout_ms = member.registration.timeout_ms
        return pulse.at + (timeout_ms if pulse.suspected else timeout_ms // 2)
    past = node.past
    return None if past.unswept or past.last is None else past.last.ended_at + QUIET_MS
