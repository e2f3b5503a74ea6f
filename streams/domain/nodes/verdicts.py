"""Deciding what silence means: suspicion, death, and that a node is forgotten. Standard library only."""

from streams.domain.decider import Context, Decision, LeaseMs
from streams.domain.nodes.events import Event, Evidence, NodeDied, NodeForgotten, NodeSuspected
from streams.domain.nodes.limits import (
    FLAPPING_STRIKES,
    MAX_BACKOFF_MS,
    MAX_STRIKES,
    MIN_BACKOFF_MS,
    QUIET_MS,
)
from streams.domain.nodes.node import Member, Node, Past, next_deadline
from streams.domain.nodes.registration import interval_ms
from streams.domain.nodes.replies import Reply, TimerRan


def tick(node: Node, context: Context) -> Decision[Event, Reply]:
    """Return what is due: nobody dies who was not suspected first."""
    due = next_deadline(node)
    if due is None or due > context.now:
        return Decision((), TimerRan())
    if node.member is None:
        return Decision((NodeForgotten(),), TimerRan())
    return Decision(tuple(_silence(node, node.member, context)), TimerRan())


def _silence(node: Node, member: Member, context: Context) -> list[Event]:
    pulse, now, timeout_ms = node.pulse, context.now, member.registration.timeout_ms
    evidence = Evidence(pulse.at, now - pulse.at, pulse.beats, interval_ms(member.registration))
    events = list[Event]()
    if not pulse.suspected:
        events.append(NodeSuspected(member.session, evidence))
    if evidence.silent_ms >= timeout_ms:
        strikes = _strikes(node.past, now)
        cause_id, barred = context.token(len(events)), _barred_until(strikes, now)
        events.append(NodeDied(member.session, "SILENT", cause_id, now, evidence, strikes, barred))
    return events


def _strikes(past: Past, now: LeaseMs) -> int:
    flaps = past.strikes and now - past.died_at < QUIET_MS
    return min(past.strikes + 1, MAX_STRIKES) if flaps else 1


def _barred_until(strikes: int, now: LeaseMs) -> LeaseMs:
    """Return when a node may register again: a pause that doubles with each strike over those that are let pass."""
    if strikes < FLAPPING_STRIKES:
        return 0
    return now + min(MIN_BACKOFF_MS << (strikes - FLAPPING_STRIKES), MAX_BACKOFF_MS)
