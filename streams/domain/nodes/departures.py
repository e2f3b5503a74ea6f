"""Deciding how sessions end by wish, and that what they owned is given back. Standard library only."""

from streams.domain.arguments import within
from streams.domain.decider import Context, Decision, Requester
from streams.domain.nodes.commands import DeregisterNode, EvictNode, SweepDone
from streams.domain.nodes.events import EndCause, Event, NodeLeft, SessionSwept
from streams.domain.nodes.limits import MAX_NAME, MAX_NUMBER, MAX_TEXT, refuse_text
from streams.domain.nodes.node import NO_NODE, Member, Node
from streams.domain.nodes.rejections import node_unknown, not_yours, session_alive
from streams.domain.nodes.replies import NodeClosed, Reply, SweepRecorded


def left(node: Node, member: Member, cause: EndCause, who: Requester, why: str, context: Context) -> NodeLeft:
    """Return the end of the live session as the first event of a decision.

    Its own client trusts nothing any more. Another one may not have heard, and trusts until its node would be dead.
    """
    until = 0 if member.is_of(who) else node.pulse.at + member.registration.timeout_ms
    trusted_ms = max(0, until - context.now)
    return NodeLeft(member.session, cause, context.token(0), context.now, who.principal, why, trusted_ms)


def deregister(
    command: DeregisterNode, who: Requester, node: Node, context: Context
) -> Decision[Event, Reply]:
    """Return the clean end of the session. One that is not live is fine."""
    refused = refuse_text("session", command.session, 0, MAX_NAME)
    if refused is not None:
        return Decision((), refused)
    member = node.member
    if member is None or member.session != command.session:
        return Decision((), NodeClosed(command.session, ended=False))
    if not member.is_of(who):
        owner = f"client {member.client!r} of {member.principal!r}"
        return Decision((), not_yours(f"session {member.session!r}", owner))
    return Decision((left(node, member, "LEFT", who, "", context),), NodeClosed(member.session, ended=True))


def evict(command: EvictNode, who: Requester, node: Node, context: Context) -> Decision[Event, Reply]:
    """Return the end of the session by an operator's wish. One that is not live is fine."""
    refused = refuse_text("session", command.session, 0, MAX_NAME) or refuse_text(
        "why", command.why, 0, MAX_TEXT
    )
    if refused is None and node is NO_NODE:
        refused = node_unknown(command.name)
    if refused is not None:
        return Decision((), refused)
    member = node.member
    if member is None or command.session not in ("", member.session):
        return Decision((), NodeClosed(command.session, ended=False))
    event = left(node, member, "EVICTED", who, command.why, context)
    return Decision((event,), NodeClosed(member.session, ended=True))


def sweep_done(command: SweepDone, node: Node) -> Decision[Event, Reply]:
    """Return that the ended session owns nothing any more. One that is swept already, or never was, is fine."""
    refused = refuse_text("session", command.session, 1, MAX_NAME) or within(
        "partitions", command.partitions, 0, MAX_NUMBER
    )
    if refused is None and node.member is not None and node.member.session == command.session:
        refused = session_alive(command.session)
    if refused is not None:
        return Decision((), refused)
    for ended in node.past.unswept:
        if ended.session == command.session:
            swept = SessionSwept(ended.session, ended.cause_id, command.partitions)
            return Decision((swept,), SweepRecorded(ended.session, recorded=True))
    return Decision((), SweepRecorded(command.session, recorded=False))
