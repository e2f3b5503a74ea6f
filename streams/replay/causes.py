"""The decision behind a change: which command, by whom, and where it is logged. Values only."""

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import Position
from streams.log.records import Lane


@value
class Cause:
    """One decision. A timer's has no client."""

    position: Position
    index: int
    time_ms: int
    """When its commit was appended."""
    lease_ms: int
    lane: Lane
    command: str
    principal: str
    client: str
    handle: str
    sequence: int
    issued_ms: int
    """When the client first sent it, by the client's clock."""


def cause_of(accepted: AcceptedCommit, decided: Decided) -> Cause:
    """Return the cause that the events of `decided` have in common."""
    decision = decided.decision
    return Cause(
        accepted.position, decided.index, accepted.time_ms, accepted.commit.lease_ms, decision.lane, decision.command,
        decision.principal, decision.client, decision.handle, decision.sequence, decision.meta.issued_ms,
    )  # fmt: skip
