"""A service as it stood between two commits, whole, and how it goes on from there: what live subscribers are shown.

A read model gives the service at one place; the log gives everything after it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from streams.domain.nodes.events import (
    InstanceHealthChanged,
    InstanceRegistered,
    InstancesLeft,
    InstanceUpdated,
)
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.projections.nodes import services
from streams.projections.nodes.cause import Cause
from streams.projections.nodes.services import Standing
from streams.projections.nodes.values import InstanceChangeRow, ServiceRow


@value
class ServiceStood:
    """A service at a place in its log."""

    next_offset: int
    """Every commit below it is in, none from it on."""
    time_ms: int
    standing: Standing | None
    """None: it has no instances."""


class StoodServices(Protocol):
    """Services as the read model has them."""

    async def service_stood(
        self, tenant: str, name: str, where: PartitionId, before: int | None
    ) -> ServiceStood:
        """Return the service as far as it is projected; with `before`, no further than before that offset.

        Raises `RowsForgotten` of what is too long ago, `ReadsUnavailable`, `ReadTooSlow`.
        """


def standing_of(row: ServiceRow | None) -> Standing | None:
    """Return what goes on from a service with its instances."""
    if row is None:
        return None
    instances = {one.instance: one for one in row.instances}
    changed = (row.changed_offset, row.changed_ms)
    return Standing(row.partition, row.name, row.version, instances, 0, 0, *changed)


def moved(
    standing: Standing | None, name: str, events: Sequence[Any], cause: Cause
) -> tuple[Standing | None, tuple[InstanceChangeRow, ...]]:
    """Return the service after the events of one decision, and what they did to its instances.

    Raises `LookupError` on events of another service's history.
    """
    changes: list[InstanceChangeRow] = []
    for event in events:
        if isinstance(event, InstanceRegistered | InstanceUpdated | InstanceHealthChanged | InstancesLeft):
            after, more = services.changed(standing, name, event, cause)
            changes.extend(more)
            # what it counts for its rows would tell apart those who began to watch at different times
            standing = replace(after, since_ms=0, spells=0) if after.instances else None
    return standing, tuple(changes)
