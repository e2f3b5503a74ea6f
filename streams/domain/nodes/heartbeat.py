"""Heartbeats: refused one by one, then joined and decided together. Standard library only.

`refuse` judges each on its own node's state, before `join`; the joint command knows no states.
"""

from streams.domain.arguments import within
from streams.domain.decider import Context, Decision, Rejected, Requester
from streams.domain.nodes.commands import Heartbeat
from streams.domain.nodes.events import Beat, Event, NodesHeard
from streams.domain.nodes.limits import MAX_NUMBER, refuse_name
from streams.domain.nodes.names import token_of
from streams.domain.nodes.node import NO_NODE, Node
from streams.domain.nodes.rejections import node_unknown, not_yours, session_ended
from streams.domain.nodes.replies import Heard, Reply
from streams.domain.value import value


@value
class Heartbeats:
    """What heartbeats of one partition are joined to."""

    beats: tuple[Beat, ...]
    """By rising name, each once."""


def refuse(command: Heartbeat, who: Requester, state: object) -> Rejected | None:
    """Return why the heartbeat does not count, or None. `state` is that of the command's key."""
    if not isinstance(state, Node):
        return refuse_name(command.name)
    member = state.member
    if member is None or member.session != command.session:
        return not_live(command.name, command.session, state)
    if not member.is_of(who):
        owner = f"client {member.client!r} of {member.principal!r}"
        return not_yours(f"session {member.session!r}", owner)
    return within("load", command.load, 0, MAX_NUMBER)


def not_live(name: str, session: str, node: Node) -> Rejected:
    """Return the refusal of a session that is not the node's live one, or of a node that is not there."""
    if node is NO_NODE:
        return node_unknown(name)
    last = node.past.last
    return session_ended(session, last.cause if last is not None and last.session == session else "")


def join(gathered: tuple[tuple[Requester, Heartbeat], ...]) -> Heartbeats:
    """Return what to decide of heartbeats that `refuse` let through; of one node the last counts."""
    latest = {command.name: command for _, command in gathered}
    return Heartbeats(tuple([_beat(command) for _, command in sorted(latest.items())]))


def _beat(command: Heartbeat) -> Beat:
    return Beat(command.name, token_of(command.session), command.load, command.health)


def hear(command: Heartbeats, context: Context) -> Decision[Event, Reply]:
    """Return that all these nodes were heard."""
    return Decision((NodesHeard(context.now, command.beats),), Heard(context.now))


def hear_one(command: Heartbeat, who: Requester, node: Node, context: Context) -> Decision[Event, Reply]:
    """Return that the node was heard: a heartbeat that came alone, by the topic lane."""
    refused = refuse(command, who, node)
    return Decision((), refused) if refused else hear(Heartbeats((_beat(command),)), context)


def heard_keys(tenant: str, event: NodesHeard) -> tuple[str, ...]:
    """Return the keys of the nodes that were heard."""
    return tuple([f"{tenant}/{beat.name}" for beat in event.beats])
