"""What happened to a node or the brake, in a sentence. Pure; times in it are lengths, so no time zone."""

from streams.domain.nodes.events import (
    BrakeConfigured,
    BrakePulled,
    BrakeReleased,
    Evidence,
    MassFailureAlarmed,
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
    OfBrakeEvent,
    OfNodeEvent,
    SessionSwept,
)
from streams.replay.locks.phrases import duration

_LEFT = {"LEFT": "left", "REPLACED": "was replaced by its restart", "EVICTED": "was evicted"}


def node_phrase(event: OfNodeEvent) -> str:
    """Return what the event says of a node."""
    match event:
        case NodeRegistered():
            return f"registered: session {event.session} of {event.principal}/{event.client}" + _place(event)
        case NodeChanged():
            return "says otherwise of itself"
        case NodesHeard():
            return f"{len(event.beats)} nodes were heard"
        case NodeChecked():
            return "its checks: " + (
                ", ".join(f"{each.name} {each.health}" for each in event.checks) or "none"
            )
        case NodeSuspected():
            return f"is suspected: {_silence(event.evidence)}"
        case NodeDied():
            return f"died: {_silence(event.evidence)}; {event.cause} {event.cause_id}{_flapping(event)}"
        case NodeLeft():
            return f"{_LEFT[event.cause]}, by {event.by}{_why(event.why)}; {event.cause} {event.cause_id}"
        case NodeDrained():
            return f"gets no new work, by {event.by}{_why(event.why)}"
        case NodeUndrained():
            return f"gets work again, by {event.by}"
        case SessionSwept():
            return f"session {event.session} is swept: {event.partitions} partitions know"
        case NodeForgotten():
            return "is forgotten"


def brake_phrase(event: OfBrakeEvent) -> str:
    """Return what the event says of the brake."""
    match event:
        case MassFailureAlarmed():
            within = duration(event.window_ms)
            return f"alarm: {event.dead} of {event.of} nodes died within {within}{_why(event.cause)}"
        case BrakePulled():
            return f"pulled by {event.by}{_why(event.cause)}"
        case BrakeReleased():
            return f"released {f'by {event.by}' if event.by else 'by itself'}{_why(event.why)}"
        case BrakeConfigured():
            return "has other settings"


def _place(event: NodeRegistered) -> str:
    told = event.registration
    where = "".join(f", {word} {text}" for word, text in (("at", told.address), ("zone", told.zone)) if text)
    return f"{where}, dead after {duration(told.timeout_ms)} of silence"


def _silence(evidence: Evidence) -> str:
    expected = f"one was to come every {duration(evidence.interval_ms)}"
    beats = f"{evidence.beats} beat{'' if evidence.beats == 1 else 's'}"
    return f"silent for {duration(evidence.silent_ms)} after {beats}, {expected}"


def _flapping(event: NodeDied) -> str:
    if not event.barred_until:
        return ""
    return f"; strike {event.strikes}: it may not register for {duration(event.barred_until - event.at)}"


def _why(why: str) -> str:
    return f" ({why})" if why else ""
