"""Deciding RegisterNode. Standard library only."""

from dataclasses import replace

from streams.domain.decider import Context, Decision, Rejected, Requester
from streams.domain.nodes.commands import RegisterNode, Registration
from streams.domain.nodes.departures import left
from streams.domain.nodes.events import Event, NodeChanged, NodeRegistered
from streams.domain.nodes.limits import (
    BEATS_A_TIMEOUT,
    DEFAULT_TIMEOUT_MS,
    MAX_NAME,
    MAX_UNSWEPT,
    refuse_registration,
    refuse_text,
)
from streams.domain.nodes.names import PLATFORM, session_of
from streams.domain.nodes.node import Node
from streams.domain.nodes.rejections import node_alive, node_flapping, not_yours, sessions_unswept
from streams.domain.nodes.replies import NodeJoined, Reply

UNSWEPT_RETRY_MS = 1_000


def register(command: RegisterNode, who: Requester, node: Node, context: Context) -> Decision[Event, Reply]:
    """Return a new session, or the live one of this very client."""
    refused = refuse_registration(command.registration) or refuse_text(
        "replaces", command.replaces, 0, MAX_NAME
    )
    if refused is not None:
        return Decision((), refused)
    registration, member = command.registration, node.member
    if not registration.timeout_ms:
        registration = replace(registration, timeout_ms=DEFAULT_TIMEOUT_MS)
    if member is not None and member.is_of(who) and command.replaces != member.session:
        changed = (NodeChanged(member.session, registration),)
        return Decision(
            () if registration == member.registration else changed,
            _joined(member.session, registration, existed=True),
        )
    refused = _refuse(command, who, node, context)
    return Decision((), refused) if refused else _begin(command.name, registration, who, node, context)


def _refuse(command: RegisterNode, who: Requester, node: Node, context: Context) -> Rejected | None:
    member, past = node.member, node.past
    if member is not None:
        if command.replaces != member.session:
            silent_ms = context.now - node.pulse.at
            return node_alive(member.name, member.session, member.principal, member.client, silent_ms)
        if member.principal != who.principal:
            return not_yours(f"session {member.session!r}", f"principal {member.principal!r}")
    elif past.barred_until > context.now:
        return node_flapping(command.name, past.strikes, past.barred_until - context.now)
    if len(past.unswept) + (member is not None) >= MAX_UNSWEPT:
        return sessions_unswept(command.name, len(past.unswept), UNSWEPT_RETRY_MS)
    return None


def _begin(
    name: str, registration: Registration, who: Requester, node: Node, context: Context
) -> Decision[Event, Reply]:
    events = list[Event]()
    if node.member is not None:
        events.append(left(node, node.member, "REPLACED", who, "", context))
    token = context.token(len(events))
    session = session_of(name, token, who.principal)
    platform = _is_platform(registration, who)
    events.append(
        NodeRegistered(name, session, token, who.principal, who.client, context.now, registration, platform)
    )
    return Decision(tuple(events), _joined(session, registration, existed=False))


def _is_platform(registration: Registration, who: Requester) -> bool:
    """Say whether it is one of our own processes: it says so, and has the role that they alone have."""
    return "SYSTEM" in who.roles and any(label.name == PLATFORM for label in registration.labels)


def _joined(session: str, registration: Registration, *, existed: bool) -> NodeJoined:
    return NodeJoined(session, registration.timeout_ms, interval_ms(registration), existed)


def interval_ms(registration: Registration) -> int:
    """Return how often the node is to send a heartbeat."""
    return registration.timeout_ms // BEATS_A_TIMEOUT
