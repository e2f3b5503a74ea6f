"""One node from event to event. It trusts the log, as `streams.domain.nodes.node_fold` does: what concerns a session
that is not the live one changes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from streams.domain.nodes.events import (
    Beat,
    NodeChanged,
    NodeChecked,
    NodeDied,
    NodeDrained,
    NodeForgotten,
    NodeLeft,
    NodeRegistered,
    NodeSuspected,
    NodeUndrained,
    SessionSwept,
)
from streams.domain.nodes.names import token_of
from streams.projections.nodes.cause import Cause
from streams.projections.nodes.tables import HEARD_EVERY_MS
from streams.projections.nodes.values import NodeChangeRow, NodeRow, NodeWhat, UnsweptRow

OfOneNode: TypeAlias = (
    NodeRegistered
    | NodeChanged
    | NodeChecked
    | NodeSuspected
    | NodeDied
    | NodeLeft
    | NodeDrained
    | NodeUndrained
    | SessionSwept
    | NodeForgotten
)
"""What happens to one node; a `NodesHeard` is of many."""


def heard(node: NodeRow | None, beat: Beat, cause: Cause) -> NodeChangeRow | NodeRow | None:
    """Return the change that a heartbeat is, or the node with its load, or None: nothing is to be written down."""
    if node is None or node.status == "ENDED" or token_of(node.session) != beat.token:
        return None
    now_ms, suspected = cause.when.time_ms, node.status == "SUSPECTED"
    if suspected or node.health != beat.health:
        since_ms = now_ms if suspected else node.since_ms
        after = replace(
            node, status="ALIVE", since_ms=since_ms, evidence=None, load=beat.load, health=beat.health,
            heard_ms=now_ms, **cause.stamp,
        )  # fmt: skip
        return NodeChangeRow("HEARD", "", "", after)
    return (
        replace(node, load=beat.load, heard_ms=now_ms) if now_ms - node.heard_ms >= HEARD_EVERY_MS else None
    )


def changed(node: NodeRow | None, event: OfOneNode, cause: Cause) -> NodeChangeRow | None:
    """Return the change that `event` is; None: it changes nothing. Raises `LookupError`: there is no such node."""
    if isinstance(event, NodeRegistered):
        return NodeChangeRow("REGISTERED", cause.principal, "", _registered(node, event, cause))
    if node is None:
        raise LookupError(f"{type(event).__name__} of a node that is not there")
    match event:
        case NodeForgotten():
            return _step("FORGOTTEN", node, cause, {}, "")
        case SessionSwept():
            left = tuple([each for each in node.unswept if each.session != event.session])
            by, after = cause.principal, replace(node, unswept=left, **cause.stamp)
            return NodeChangeRow("SWEPT", by, event.session, after)
    if node.status == "ENDED" or node.session != event.session:
        return None
    now_ms, by, why = cause.when.time_ms, cause.principal, ""
    what: NodeWhat
    to: dict[str, Any]
    match event:
        case NodeChanged():
            what, to = "CHANGED", _said(event)
        case NodeChecked():
            what, to = "CHECKED", {"checks": event.checks}
        case NodeSuspected():
            what, to = "SUSPECTED", {"status": "SUSPECTED", "since_ms": now_ms, "evidence": event.evidence}
        case NodeDrained():
            by, why = event.by, event.why
            what, to = "DRAINED", {"draining": True, "drained_by": by, "drained_why": why}
        case NodeUndrained():
            what, to, by = "UNDRAINED", NOT_DRAINED, event.by
        case NodeDied():
            what, by = "DIED", ""
            to = _ended(node, event, by, why, now_ms) | {
                "strikes": event.strikes,
                "barred_ms": cause.when.wall(event.barred_until) if event.barred_until else None,
                "evidence": event.evidence,
            }
        case NodeLeft():
            what, by, why = "LEFT", event.by, event.why
            to = _ended(node, event, by, why, now_ms)
    return _step(what, node, cause, to, by, why)


NOT_DRAINED: Final[dict[str, Any]] = {"draining": False, "drained_by": None, "drained_why": None}


def _step(
    what: NodeWhat, node: NodeRow, cause: Cause, to: Mapping[str, Any], by: str, why: str = ""
) -> NodeChangeRow:
    return NodeChangeRow(what, by, why, replace(node, **to, **cause.stamp))


def _said(event: NodeRegistered | NodeChanged) -> dict[str, Any]:
    """Return what the node says of itself."""
    told = event.registration
    return {
        "address": told.address,
        "zone": told.zone,
        "labels": tuple(sorted(told.labels, key=lambda label: label.name)),
        "capacity": told.capacity,
        "metadata": tuple(sorted(told.metadata, key=lambda label: label.name)),
        "timeout_ms": told.timeout_ms,
    }


def _registered(before: NodeRow | None, event: NodeRegistered, cause: Cause) -> NodeRow:
    """Return the node with a new session; what its earlier ones left stays."""
    now_ms = cause.when.time_ms
    return NodeRow(
        cause.partition,
        event.name,
        status="ALIVE",
        since_ms=now_ms,
        session=event.session,
        principal=event.principal,
        client=cause.client,
        registered_offset=cause.when.offset,
        registered_ms=now_ms,
        **_said(event),
        **NOT_DRAINED,
        checks=(),
        health="PASSING",
        load=0,
        heard_ms=now_ms,
        evidence=None,
        cause=None,
        cause_id=None,
        ended_by=None,
        ended_why=None,
        ended_ms=None,
        strikes=0 if before is None else before.strikes,
        barred_ms=None if before is None else before.barred_ms,
        unswept=() if before is None else before.unswept,
        **cause.stamp,
    )


def _ended(node: NodeRow, event: NodeDied | NodeLeft, by: str, why: str, now_ms: int) -> dict[str, Any]:
    unswept = UnsweptRow(event.session, event.cause, event.cause_id, now_ms)
    return {
        "status": "ENDED",
        "since_ms": now_ms,
        **NOT_DRAINED,
        "cause": event.cause,
        "cause_id": event.cause_id,
        "ended_by": by,
        "ended_why": why,
        "ended_ms": now_ms,
        "unswept": (*node.unswept, unswept),
    }
