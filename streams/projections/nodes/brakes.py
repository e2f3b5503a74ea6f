"""The brake from event to event."""

from dataclasses import replace
from typing import Any, Final

from streams.domain.nodes.brake import RELEASED
from streams.domain.nodes.events import (
    BrakeConfigured,
    BrakePulled,
    BrakeReleased,
    MassFailureAlarmed,
    OfBrakeEvent,
)
from streams.projections.nodes.cause import Cause
from streams.projections.nodes.values import AlarmRow, BrakeChangeRow, BrakeRow

_RELEASED: Final[dict[str, Any]] = {
    "pulled": False,
    "pulled_ms": None,
    "pulled_by": None,
    "cause": None,
    "release_ms": None,
}


def untouched(partition: int) -> BrakeRow:
    """Return the brake that nobody ever touched."""
    return BrakeRow(partition, RELEASED.settings, False, *[None] * 8)  # type: ignore[arg-type]


def changed(brake: BrakeRow | None, event: OfBrakeEvent, cause: Cause) -> BrakeChangeRow:
    """Return the change that `event` is."""
    before, when = brake or untouched(cause.partition), cause.when
    match event:
        case MassFailureAlarmed():
            alarm = AlarmRow(event.dead, event.of, event.window_ms, event.cause, when.time_ms)
            after = replace(before, alarm=alarm, **cause.stamp)
            return BrakeChangeRow("ALARMED", cause.principal, event.cause, after)
        case BrakePulled():
            after = replace(
                before, pulled=True, pulled_ms=when.time_ms, pulled_by=event.by, cause=event.cause,
                release_ms=_release(event.release_at, cause), **cause.stamp,
            )  # fmt: skip
            return BrakeChangeRow("PULLED", event.by, event.cause, after)
        case BrakeReleased():
            after = replace(before, **_RELEASED, **cause.stamp)
            return BrakeChangeRow("RELEASED", event.by, event.why, after)
        case BrakeConfigured():
            release_ms = _release(event.release_at, cause) if before.pulled else None
            after = replace(before, settings=event.settings, release_ms=release_ms, **cause.stamp)
            return BrakeChangeRow("CONFIGURED", cause.principal, "", after)


def _release(lease_ms: int, cause: Cause) -> int | None:
    return cause.when.wall(lease_ms) if lease_ms else None
