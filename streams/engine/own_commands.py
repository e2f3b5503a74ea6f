"""The engine's own commands, the same for every kind: barrier and end of session."""

from typing import Any

from streams.domain.decider import Decision, Rejected
from streams.engine.admission import MAX_AHEAD_MS
from streams.log.fold import PartitionState
from streams.wire.keys import key_of
from streams.wire.messages import Barrier, BarrierPassed, Done, EndSession, SessionEnded

LONGEST_LEASE_MS = 24 * 3_600_000
MAX_ENDED_SESSIONS = 50_000
"""So many ended sessions of a tenant are remembered at once, some 20 MB; then sweeps wait, and nodes for them.

Each must be, for a day at least: to forget one that could still be used would be worse than to wait.
"""
RETRY_MS = 5_000


def decide_own(
    command: Barrier | EndSession, tenant: str, state: PartitionState, mark_ms: int
) -> Decision[Any, Any]:
    """Decide a command that addresses a partition, not a key. A tenant ends none but its own sessions."""
    if isinstance(command, Barrier):
        return Decision((), BarrierPassed(state.events + 1))
    if key_of(tenant, command.ended) in state.ended_sessions:
        return Decision((), Done())
    if state.ended_of.get(tenant, 0) >= MAX_ENDED_SESSIONS:
        return Decision((), _too_many_ended(tenant))
    forget = mark_ms + LONGEST_LEASE_MS + MAX_AHEAD_MS
    forget_lease = state.lease_ms + LONGEST_LEASE_MS
    return Decision((SessionEnded(command.ended, forget, command.cause, forget_lease),), Done())


def _too_many_ended(tenant: str) -> Rejected:
    return Rejected(
        "TOO_MANY_ENDED_SESSIONS",
        f"{MAX_ENDED_SESSIONS} sessions of tenant {tenant!r} ended here within a day, the most that are remembered. "
        "What this one holds comes free with its leases; it is ended when others may be forgotten. Find out which "
        "programs register anew all the time (`tidelock node events`), and have them keep their sessions.",
        (("tenant", tenant),),
        RETRY_MS,
    )
