"""The fold of nodes. It trusts the log and decides nothing; released behaviour never changes. Standard library only.

What concerns a session that is not the live one changes nothing.
"""

from bisect import bisect_left
from dataclasses import replace
from operator import attrgetter

from streams.domain.nodes.events import (
    Beat,
    NodeChanged,
    NodeChecked,
    NodeDied,
    NodeDrained,
    NodeForgotten,
    NodeLeft,
    NodeRegistered,
    NodesHeard,
    NodeSuspected,
    NodeUndrained,
    OfNodeEvent,
    SessionSwept,
)
from streams.domain.nodes.node import NO_NODE, NO_PULSE, Member, Node, Past, Pulse
from streams.domain.nodes.replies import EndedSession

_name = attrgetter("name")


def heard(node: Node, event: NodesHeard) -> Node:
    """Return the node after the beats that `event` lists, whatever other nodes they are of."""
    member = node.member
    if member is None:
        return node
    beat = _beat_of(member.name, event.beats)
    if beat is None or beat.token != member.token:
        return node
    pulse = Pulse(event.at, node.pulse.beats + 1, beat.load, beat.health, False)
    return Node(member, pulse, node.past)


def _beat_of(name: str, beats: tuple[Beat, ...]) -> Beat | None:
    index = bisect_left(beats, name, key=_name)
    return beats[index] if index < len(beats) and beats[index].name == name else None


def evolve(node: Node, event: OfNodeEvent) -> Node:
    """Return the node after `event`."""
    match event:
        case NodesHeard():
            return heard(node, event)
        case NodeRegistered():
            return _registered(node, event)
        case SessionSwept():
            return _swept(node, event)
        case NodeForgotten():
            return NO_NODE
    member = node.member
    if member is None or member.session != event.session:
        return node
    match event:
        case NodeSuspected():
            return Node(member, replace(node.pulse, suspected=True), node.past)
        case NodeDied():
            past = replace(
                _ended(node.past, event),
                strikes=event.strikes,
                died_at=event.at,
                barred_until=event.barred_until,
            )
            return Node(None, NO_PULSE, past)
        case NodeLeft():
            return Node(None, NO_PULSE, _ended(node.past, event))
        case NodeChanged():
            return _with(node, replace(member, registration=event.registration))
        case NodeChecked():
            return _with(node, replace(member, checks=event.checks))
        case NodeDrained():
            return _with(node, replace(member, draining=True))
        case NodeUndrained():
            return _with(node, replace(member, draining=False))


def _with(node: Node, member: Member) -> Node:
    return Node(member, node.pulse, node.past)


def _registered(node: Node, e: NodeRegistered) -> Node:
    member = Member(
        e.name, e.session, e.token, e.principal, e.client, e.at, e.registration, draining=False, checks=()
    )
    return Node(member, Pulse(e.at, 0, 0, "PASSING", suspected=False), node.past)


def _ended(past: Past, e: NodeDied | NodeLeft) -> Past:
    last = EndedSession(e.session, e.cause, e.cause_id, e.at)
    return replace(past, unswept=(*past.unswept, last), last=last)


def _swept(node: Node, e: SessionSwept) -> Node:
    left = tuple([ended for ended in node.past.unswept if ended.session != e.session])
    return Node(node.member, node.pulse, replace(node.past, unswept=left))
