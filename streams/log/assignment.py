"""Which worker owns which partition: the bounded-load ring over the live workers, weighted by recent cost. Pure."""

import json
from collections.abc import Mapping, Sequence

from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.wire.ring import place


def member_name(worker: str, address: str) -> str:
    """Return what a member of the group is called by the others: it outlives the group's member ids."""
    return f"{worker}@{address}"


@value
class Member:
    """What a worker says of itself when it joins."""

    worker: str
    address: str
    """Advertised address of its direct lane."""
    max_level: int
    costs: tuple[tuple[str, int], ...] = ()
    """(partition, recent cost in decisions a second) of what it owned."""

    @property
    def name(self) -> str:
        """What the others call it."""
        return member_name(self.worker, self.address)

    def to_bytes(self) -> bytes:
        """Return the form that travels as assignor user data."""
        return json.dumps(
            {
                "worker": self.worker,
                "address": self.address,
                "max_level": self.max_level,
                "costs": dict(self.costs),
            }
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes | None) -> "Member | None":
        """Read what `to_bytes` made. None for what it cannot have made: a foreign member, or a garbled one."""
        try:
            told = json.loads(data or b"")
            member = cls(
                told["worker"], told["address"], told["max_level"], tuple(sorted(told["costs"].items()))
            )
            f"{member.worker}{member.address}".encode()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        texts, numbers = (member.worker, member.address), (member.max_level, *dict(member.costs).values())
        fit = all(type(text) is str for text in texts) and all(type(number) is int for number in numbers)
        return member if fit else None


def assign(members: Mapping[str, Member], partitions: Sequence[PartitionId]) -> dict[PartitionId, str]:
    """Return the member id that owns each partition; without members nobody owns any.

    Placement follows workers' names and addresses, which outlive member ids, so that a worker that comes back gets
    its old partitions back. A partition's weight is 1 plus its reported cost in steps of 1,000 decisions a second.
    Each kind is spread for itself: else the ring, which knows no cost before it is reported, may put all of a busy kind
    on one worker and all of an idle one on another.
    """
    by_worker = {member.name: mid for mid, member in sorted(members.items())}
    costs = {where: cost for member in members.values() for where, cost in member.costs}
    placed: dict[str, str] = {}
    for kind in sorted({p.kind for p in partitions}):
        weights = {str(p): 1 + costs.get(str(p), 0) // 1000 for p in partitions if p.kind == kind}
        placed |= place(weights, sorted(by_worker))
    return {p: by_worker[placed[str(p)]] for p in partitions if str(p) in placed}
