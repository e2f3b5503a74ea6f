"""The brake: while it is pulled the sweeper ends no session that fell silent. Standard library only.

Mass failures are mostly failures of what the nodes share: to give away all that half of them hold makes it worse.
"""

from typing import Final

from streams.domain.decider import Context, Decision, LeaseMs, Requester
from streams.domain.nodes.commands import BrakeSettings, ConfigureBrake, PullBrake, ReleaseBrake
from streams.domain.nodes.events import (
    BrakeConfigured,
    BrakePulled,
    BrakeReleased,
    Event,
    MassFailureAlarmed,
    OfBrakeEvent,
)
from streams.domain.nodes.limits import MAX_TEXT, refuse_brake, refuse_pull, refuse_text
from streams.domain.nodes.rejections import below_fraction
from streams.domain.nodes.replies import BrakeState, Reply, TimerRan
from streams.domain.value import value


@value
class Brake:
    """The brake of a tenant."""

    settings: BrakeSettings
    pulled: bool
    pulled_at: LeaseMs
    release_at: LeaseMs
    """0: not by itself."""
    cause: str
    quiet_until: LeaseMs
    """Until then no process alarms or pulls again."""


RELEASED: Final = Brake(
    BrakeSettings(fraction=50, min_dead=3, window_ms=10_000, auto_release_ms=0, armed=True),
    pulled=False,
    pulled_at=0,
    release_at=0,
    cause="",
    quiet_until=0,
)


def next_deadline(brake: Brake) -> LeaseMs | None:
    """Return when the brake is released by itself, or None."""
    return brake.release_at if brake.pulled and brake.release_at else None


def pull(command: PullBrake, who: Requester, brake: Brake, context: Context) -> Decision[Event, Reply]:
    """Return the alarm and the pulled brake. Pulled or told already is fine."""
    settings, now = brake.settings, context.now
    refused = refuse_pull(command)
    by_hand = command.of == 0
    enough = command.dead >= settings.min_dead and command.dead * 100 >= settings.fraction * command.of
    if refused is None and not by_hand and not enough:
        refused = below_fraction(command.dead, command.of, settings)
    if refused is not None:
        return Decision((), refused)
    events = list[OfBrakeEvent]()
    if not brake.pulled and not by_hand and now >= brake.quiet_until:
        quiet_until = now + settings.window_ms
        alarm = MassFailureAlarmed(command.dead, command.of, command.window_ms, command.cause, quiet_until)
        events.append(alarm)
    if not brake.pulled and (by_hand or (events and settings.armed)):
        release_at = _release_at(settings, now)
        events.append(BrakePulled(now, release_at, who.principal, command.cause))
    return _decided(brake, *events)


def release(command: ReleaseBrake, who: Requester, brake: Brake, context: Context) -> Decision[Event, Reply]:
    """Return the released brake. Released already is fine."""
    refused = refuse_text("why", command.why, 0, MAX_TEXT)
    if refused is not None or not brake.pulled:
        return Decision((), refused or shown(brake))
    quiet_until = context.now + brake.settings.window_ms
    return _decided(brake, BrakeReleased(who.principal, command.why, quiet_until))


def configure(command: ConfigureBrake, brake: Brake) -> Decision[Event, Reply]:
    """Return the new settings; a pulled brake is released by them."""
    refused = refuse_brake(command.settings)
    if refused is not None or command.settings == brake.settings:
        return Decision((), refused or shown(brake))
    release_at = _release_at(command.settings, brake.pulled_at) if brake.pulled else 0
    return _decided(brake, BrakeConfigured(command.settings, release_at))


def tick(brake: Brake, context: Context) -> Decision[Event, Reply]:
    """Return the brake that releases itself, if that is due."""
    due = next_deadline(brake)
    if due is None or due > context.now:
        return Decision((), TimerRan())
    quiet_until = context.now + brake.settings.window_ms
    return Decision((BrakeReleased("", "auto_release_ms is over", quiet_until),), TimerRan())


def _release_at(settings: BrakeSettings, pulled_at: LeaseMs) -> LeaseMs:
    return pulled_at + settings.auto_release_ms if settings.auto_release_ms else 0


def _decided(brake: Brake, *events: OfBrakeEvent) -> Decision[Event, Reply]:
    for event in events:
        brake = evolve(brake, event)
    return Decision(events, shown(brake), after=brake if events else None)


def evolve(brake: Brake, event: OfBrakeEvent) -> Brake:
    """Return the brake after `event`. It trusts the log; released behaviour never changes."""
    b = brake
    match event:
        case MassFailureAlarmed():
            return Brake(b.settings, b.pulled, b.pulled_at, b.release_at, b.cause, event.quiet_until)
        case BrakePulled():
            return Brake(b.settings, True, event.at, event.release_at, event.cause, b.quiet_until)
        case BrakeReleased():
            return Brake(b.settings, False, 0, 0, "", event.quiet_until)
        case BrakeConfigured():
            return Brake(event.settings, b.pulled, b.pulled_at, event.release_at, b.cause, b.quiet_until)


def shown(brake: Brake) -> BrakeState:
    """Return the brake as everybody is told it."""
    return BrakeState(brake.pulled, brake.pulled_at, brake.release_at, brake.cause, brake.settings)
