"""One service from event to event. An event that names an instance that is not there raises `LookupError`, and
changes nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from streams.domain.nodes.events import (
    Instance,
    InstanceHealthChanged,
    InstanceRegistered,
    InstancesLeft,
    InstanceUpdated,
)
from streams.domain.value import value
from streams.projections.nodes.cause import Cause
from streams.projections.nodes.tables import KEYFRAME_EVERY
from streams.projections.nodes.values import InstanceChangeRow, InstanceRow, InstanceWhat, ServiceRow
from streams.projections.text import storable

OfInstances: TypeAlias = InstanceRegistered | InstanceUpdated | InstanceHealthChanged | InstancesLeft
_NOTHING: Final[tuple[None, None]] = (None, None)


@value
class Standing:
    """A service as its fold keeps it."""

    partition: int
    name: str
    version: int
    instances: dict[str, InstanceRow]
    """Never changed in place."""
    since_ms: int
    spells: int
    changed_offset: int
    changed_ms: int

    @property
    def shown(self) -> ServiceRow:
        """The service without its instances."""
        each = self.instances.values()
        return ServiceRow(
            self.partition, self.name, self.version, len(each),
            sum([one.healthy for one in each]), sum([one.draining for one in each]),
            self.since_ms, self.changed_offset, self.changed_ms,
        )  # fmt: skip


def changed(
    service: Standing | None, name: str, event: OfInstances, cause: Cause
) -> tuple[Standing, list[InstanceChangeRow]]:
    """Return the service after `event`, and what that did to each instance."""
    if service is None:
        service = Standing(cause.partition, name, 0, {}, cause.when.time_ms, 0, 0, 0)
    instances = dict(service.instances)
    changes = list(_changes(name, instances, event, cause))
    version = changes[-1][3].version if not isinstance(event, InstancesLeft) else event.version
    after = replace(
        service, version=version, instances=instances, spells=service.spells + len(changes),
        changed_offset=cause.when.offset, changed_ms=cause.when.time_ms,
    )  # fmt: skip
    there = tuple(sorted([one.event for one in instances.values()]))
    rows = [
        InstanceChangeRow(
            part, what, cause_, why, spell, there if spell % KEYFRAME_EVERY == 0 else None, instance
        )
        for part, (spell, (what, cause_, why, instance)) in enumerate(enumerate(changes, service.spells + 1))
    ]
    return after, rows


def _changes(
    service: str, instances: dict[str, InstanceRow], event: OfInstances, cause: Cause
) -> Iterator[tuple[InstanceWhat, str | None, str | None, InstanceRow]]:
    """Change `instances`; yield what became of each: what, cause and why, and the instance."""
    match event:
        case InstanceRegistered():
            before = instances.get(event.instance.instance)
            after = _offered(service, before, event.instance, cause)
            instances[after.instance] = after
            yield (_what(before, after), *_NOTHING, after)
        case InstanceUpdated():
            metadata = tuple(sorted(event.metadata, key=lambda label: label.name))
            known = instances[event.instance]
            after = replace(
                known, weight=event.weight, metadata=metadata, version=event.version, **cause.stamp
            )
            instances[after.instance] = after
            yield ("UPDATED", *_NOTHING, after)
        case InstanceHealthChanged():
            known, healthy = instances[event.instance], event.healthy
            after = replace(known, healthy=healthy, reason=event.reason, version=event.version, **cause.stamp)
            instances[after.instance] = after
            yield ("HEALTHY" if healthy else "UNHEALTHY", *_NOTHING, after)
        case InstancesLeft():
            for name in event.instances:
                gone = replace(instances.pop(name), version=event.version, **cause.stamp)
                yield "LEFT", event.cause, storable(event.why), gone


def _what(before: InstanceRow | None, after: InstanceRow) -> InstanceWhat:
    if before is None or before.session != after.session:
        return "REGISTERED"
    if before.draining != after.draining:
        return "DRAINED" if after.draining else "UNDRAINED"
    return "CHANGED"


def _offered(service: str, before: InstanceRow | None, told: Instance, cause: Cause) -> InstanceRow:
    goes_on = before is not None and before.session == told.session
    since = (before.since_offset, before.since_ms) if before is not None and goes_on else None
    return InstanceRow(
        cause.partition,
        service,
        told.instance,
        told.session,
        told.principal,
        told.address,
        told.zone,
        told.weight,
        tuple(sorted(told.metadata, key=lambda label: label.name)),
        told.rise,
        told.fall,
        told.healthy,
        told.draining,
        told.reason,
        told.version,
        *(since or (cause.when.offset, cause.when.time_ms)),
        **cause.stamp,
    )
