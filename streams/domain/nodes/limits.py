"""The bounds of nodes, services and the brake, and the check of arguments against them. Standard library only."""

from typing import Final

from streams.domain.arguments import bad_argument, within
from streams.domain.decider import Rejected
from streams.domain.nodes.commands import (
    BrakeSettings,
    Check,
    Label,
    PullBrake,
    RegisterInstance,
    Registration,
)
from streams.domain.nodes.names import BRAKE, token_of
from streams.domain.nodes.rejections import no_session

MAX_NODE_NAME: Final = 100
"""So that a session, the name and a token, fits the 128 characters that a command's meta has for it."""
MAX_NAME: Final = 128
MAX_ADDRESS: Final = 256
MAX_TEXT: Final = 500
MAX_OUTPUT: Final = 200
MAX_LABELS: Final = 32
MAX_LABELS_BYTES: Final = 4_096
MAX_CHECKS: Final = 32
MAX_NUMBER: Final = (1 << 31) - 1
MIN_TIMEOUT_MS: Final = 1_000
MAX_TIMEOUT_MS: Final = 600_000
DEFAULT_TIMEOUT_MS: Final = 5_000
BEATS_A_TIMEOUT: Final = 5
"""Heartbeats that a node is to send within its timeout."""
MAX_UNSWEPT: Final = 16
"""Ended sessions that a node keeps for the sweeper; then it may not begin another."""
QUIET_MS: Final = 600_000
"""Deaths further apart do not count as flapping; a node that is gone for so long is forgotten."""
FLAPPING_STRIKES: Final = 3
"""So many deaths without quiet between them, and the node has to wait before it registers again."""
MAX_STRIKES: Final = 16
MIN_BACKOFF_MS: Final = 5_000
MAX_BACKOFF_MS: Final = 300_000
MAX_WEIGHT: Final = 1_000
MAX_STREAK: Final = 100
MAX_INSTANCES: Final = 500
MAX_SERVICE_BYTES: Final = 400 * 1024
"""Of all instances of a service: they travel as one."""
MAX_WATCHING: Final = 1_000
MAX_WATCH_MS: Final = 600_000
MAX_EVENTS: Final = 200
"""A decision that has so many events stops; what is left is due at once, and the next Tick goes on."""
MAX_ATTACHED: Final = 2 * 1024 * 1024
"""Bytes of instances that one decision sends to watchers, about."""
MAX_DECISION_BYTES: Final = 480 * 1024
DAY_MS: Final = 86_400_000

_BRAKE: Final = (
    ("fraction", 1, 100),
    ("min_dead", 1, 10_000),
    ("window_ms", 1_000, 3_600_000),
    ("auto_release_ms", 0, DAY_MS),
)


def refuse_name(name: str) -> Rejected | None:
    """Return why no node can be called like that, or None."""
    if ":" in name or name == BRAKE:
        return bad_argument("name", f"must be without ':' and not {BRAKE!r}", name)
    return refuse_text("name", name, 1, MAX_NODE_NAME)


def refuse_text(field: str, text: str, least: int = 1, most: int = MAX_NAME) -> Rejected | None:
    """Return why `text` cannot be that, or None."""
    if least <= len(text) <= most and text.isprintable():
        return None
    return bad_argument(field, f"must have {least} to {most} printable characters", text)


def refuse_labels(field: str, labels: tuple[Label, ...]) -> Rejected | None:
    """Return why there cannot be such labels, or None."""
    if len(labels) > MAX_LABELS:
        return bad_argument(field, f"must be {MAX_LABELS} at the most", len(labels))
    size = labels_bytes(labels)
    if size > MAX_LABELS_BYTES:
        return bad_argument(field, f"must have {MAX_LABELS_BYTES} bytes at the most", size)
    if len({label.name: label for label in labels}) < len(labels):
        return bad_argument(field, "must have each name once", ", ".join(label.name for label in labels))
    for label in labels:
        refused = refuse_text(f"{field}.name", label.name) or refuse_text(
            f"{field}.value", label.value, 0, MAX_LABELS_BYTES
        )
        if refused is not None:
            return refused
    return None


def labels_bytes(labels: tuple[Label, ...]) -> int:
    """Return how many bytes the labels' texts take."""
    return sum(len(label.name.encode()) + len(label.value.encode()) for label in labels)


def refuse_registration(r: Registration) -> Rejected | None:
    """Return why a node cannot be like that, or None."""
    return (
        refuse_text("address", r.address, 0, MAX_ADDRESS)
        or refuse_text("zone", r.zone, 0)
        or refuse_labels("labels", r.labels)
        or within("capacity", r.capacity, 0, MAX_NUMBER)
        or refuse_labels("metadata", r.metadata)
        or (within("timeout_ms", r.timeout_ms, MIN_TIMEOUT_MS, MAX_TIMEOUT_MS) if r.timeout_ms else None)
    )


def refuse_checks(checks: tuple[Check, ...]) -> Rejected | None:
    """Return why there cannot be such outcomes, or None."""
    if len(checks) > MAX_CHECKS:
        return bad_argument("checks", f"must be {MAX_CHECKS} at the most", len(checks))
    for check in checks:
        refused = refuse_text("checks.name", check.name) or refuse_text(
            "checks.output", check.output, 0, MAX_OUTPUT
        )
        if refused is not None:
            return refused
    return None


def refuse_instance(i: RegisterInstance) -> Rejected | None:
    """Return why there cannot be such an instance, or None."""
    return (
        refuse_text("instance", i.instance)
        or refuse_text("address", i.address, 0, MAX_ADDRESS)
        or refuse_text("zone", i.zone, 0)
        or within("weight", i.weight, 0, MAX_WEIGHT)
        or refuse_labels("metadata", i.metadata)
        or within("rise", i.rise, 1, MAX_STREAK)
        or within("fall", i.fall, 1, MAX_STREAK)
    )


def refuse_session(session: str) -> Rejected | None:
    """Return why nobody can act for that, or None."""
    if not session:
        return no_session()
    if len(session) <= MAX_NAME and token_of(session):
        return None
    return bad_argument(
        "meta.session",
        "must be what RegisterNode answered: the node's name, ':', a token, '.', a seal",
        session,
    )


def refuse_brake(settings: BrakeSettings) -> Rejected | None:
    """Return why a brake cannot be like that, or None."""
    for field, least, most in _BRAKE:
        refused = within(field, getattr(settings, field), least, most)
        if refused is not None:
            return refused
    return None


def refuse_pull(pull: PullBrake) -> Rejected | None:
    """Return why nothing can have failed like that, or None."""
    return (
        within("of", pull.of, 0, MAX_NUMBER)
        or within("dead", pull.dead, 0, pull.of)
        or within("window_ms", pull.window_ms, 0, DAY_MS)
        or refuse_text("cause", pull.cause, 0, MAX_TEXT)
    )
