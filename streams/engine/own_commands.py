"""The engine's own commands, the same for every kind: barrier and end of session."""

from typing import Any

from streams.domain.decider import Decision
from streams.engine.admission import MAX_AHEAD_MS
from streams.log.fold import PartitionState
from streams.wire.keys import key_of
from streams.wire.messages import Barrier, BarrierPassed, Done, EndSession, SessionEnded

LONGEST_LEASE_MS = 24 * 3_600_000


def decide_own(
    command: Barrier | EndSession, tenant: str, state: PartitionState, mark_ms: int
) -> Decision[Any, Any]:
    """Decide a command that addresses a partition, not a key. A tenant ends none but its own sessions."""
    if isinstance(command, Barrier):
        return Decision((), BarrierPassed(state.events + 1))
    if key_of(tenant, command.ended) in state.ended_sessions:
        return Decision((), Done())
    forget = mark_ms + LONGEST_LEASE_MS + MAX_AHEAD_MS
    return Decision((SessionEnded(command.ended, forget, command.cause),), Done())
