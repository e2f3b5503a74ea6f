"""Deciding what changes while a session lives: its checks, and draining. Standard library only."""

from streams.domain.decider import Decision, Rejected, Requester
from streams.domain.nodes.commands import DrainNode, ReportChecks, UndrainNode
from streams.domain.nodes.events import Event, NodeChecked, NodeDrained, NodeUndrained
from streams.domain.nodes.heartbeat import not_live
from streams.domain.nodes.limits import MAX_TEXT, refuse_checks, refuse_text
from streams.domain.nodes.node import Member, Node
from streams.domain.nodes.rejections import not_yours
from streams.domain.nodes.replies import NodeKept, Reply
from streams.domain.roles import forbidden


def report_checks(command: ReportChecks, who: Requester, node: Node) -> Decision[Event, Reply]:
    """Return the new outcomes, if they are new."""
    member = node.member
    if member is None or member.session != command.session:
        return Decision((), not_live(command.name, command.session, node))
    refused: Rejected | None = refuse_checks(command.checks)
    if not member.is_of(who):
        refused = not_yours(
            f"session {member.session!r}", f"client {member.client!r} of {member.principal!r}"
        )
    if refused is not None:
        return Decision((), refused)
    changed = (NodeChecked(member.session, command.checks),)
    return Decision(() if command.checks == member.checks else changed, _kept(member, member.draining))


def drain(command: DrainNode, who: Requester, node: Node) -> Decision[Event, Reply]:
    """Return that the node gets no new work, as itself or an operator wishes. Drained already is fine."""
    member = node.member
    refused = refuse_text("why", command.why, 0, MAX_TEXT) or _not_allowed(DrainNode, who, member)
    if refused is not None or member is None:
        return Decision((), refused or _gone(command.name, node))
    drained = (NodeDrained(member.session, who.principal, command.why),)
    return Decision(() if member.draining else drained, _kept(member, draining=True))


def undrain(command: UndrainNode, who: Requester, node: Node) -> Decision[Event, Reply]:
    """Return that the node gets work again, as itself or an operator wishes. Not drained is fine."""
    member = node.member
    refused = _not_allowed(UndrainNode, who, member)
    if refused is not None or member is None:
        return Decision((), refused or _gone(command.name, node))
    undrained = (NodeUndrained(member.session, who.principal),)
    return Decision(undrained if member.draining else (), _kept(member, draining=False))


def _not_allowed(command: type, who: Requester, member: Member | None) -> Rejected | None:
    if member is None or member.is_of(who) or "OPERATOR" in who.roles:
        return None
    return forbidden(command, ("OPERATOR",), f" of another client's node ({member.session!r})")


def _gone(name: str, node: Node) -> Rejected:
    last = node.past.last
    return not_live(name, "" if last is None else last.session, node)


def _kept(member: Member, draining: bool) -> NodeKept:
    return NodeKept(member.session, draining)
