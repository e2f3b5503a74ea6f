"""What is told of every event of a shard, whatever its kind."""

from typing import Any, Final

from api.subscriptions.change import Change
from api.subscriptions.streams import SHARD_MARK
from api.subscriptions.types import Party
from api.types.scalars import Long

ASKED: Final = frozenset({"DIRECT", "TOPIC"})


def common_of(change: Change, place: int, cursor: str) -> tuple[str, dict[str, Any]]:
    """Return the resource's name, and what all events tell, of event number `place` of `change`."""
    decision = change.decision
    name, _, shard = change.name.partition(SHARD_MARK)
    return name, {
        "cursor": cursor,
        "shard": int(shard or 0),
        "position": change.position,
        "index": change.first + place,
        "number": change.number + place,
        "time_ms": change.time_ms,
        "lease_ms": change.lease_ms,
        "command": decision.command,
        "by": party_of(decision) if decision.lane in ASKED else None,
    }


def party_of(told: Any) -> Party:
    """Return who, of whatever says (principal, client, handle, sequence)."""
    return Party(
        principal=told.principal, client=told.client, handle=told.handle, sequence=Long(told.sequence)
    )
