"""Where, when and by whom a decision was made, as the folds of all kinds need it."""

from functools import lru_cache
from typing import Final

from streams.domain.arguments import shard_name
from streams.domain.value import value
from streams.log.accepted import Decided
from streams.projections.text import storable
from streams.wire.keys import key_of


@value
class Who:
    """Who did it: a consumer with the token of its delivery, or whoever asked."""

    token: int | None
    principal: str
    client: str
    handle: str


NOBODY: Final = Who(None, "", "", "")


@value
class When:
    """A commit's place and its clocks."""

    offset: int
    time_ms: int
    lease_ms: int

    def wall(self, lease_ms: int) -> int:
        """Return about when `lease_ms` is, in event time."""
        return self.time_ms + lease_ms - self.lease_ms


@value
class Cause:
    """Where and by whom a decision was made, and the number of its event."""

    place: tuple[int, str, str, int]
    """Partition, tenant, name of the resource, shard."""
    when: When
    who: Who
    event: int


def cause_of(partition: int, decided: Decided, when: When) -> Cause:
    """Return the cause of a decision's first event."""
    decision = decided.decision
    meta = decision.meta
    who = _who(decision.principal, meta.client, meta.handle) if decision.principal else NOBODY
    return Cause((partition, *place_of(decision.key)), when, who, decided.number)


@lru_cache(maxsize=4096)
def _who(principal: str, client: str, handle: str) -> Who:
    return Who(None, principal, storable(client), storable(handle))


@lru_cache(maxsize=4096)
def place_of(key: str) -> tuple[str, str, int]:
    """Return tenant, name and shard of the key of a resource that has shards."""
    tenant, _, name = key.partition("/")
    resource, _, shard = name.partition("#")
    return tenant, resource, int(shard or 0)


def key_of_place(tenant: str, name: str, shard: int) -> str:
    """Return the key that `place_of` took apart."""
    return key_of(tenant, shard_name(name, shard))
