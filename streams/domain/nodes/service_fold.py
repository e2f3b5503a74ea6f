"""The fold of services. It trusts the log and decides nothing; released behaviour never changes.

An event that names an instance or a ticket that is not here raises `LookupError`: the log is then not the one this
state came from. Standard library only.
"""

from bisect import bisect_left
from dataclasses import replace
from operator import attrgetter

from streams.domain.nodes.events import (
    Instance,
    InstanceHealthChanged,
    InstanceRegistered,
    InstancesLeft,
    InstanceUpdated,
    OfServiceEvent,
    WatchEnded,
    WatchStarted,
)
from streams.domain.nodes.service import NO_SERVICE, Service, Watch, instance_bytes

_ticket = attrgetter("ticket")


def evolve(service: Service, event: OfServiceEvent) -> Service:
    """Return the service after `event`."""
    match event:
        case InstanceRegistered():
            return _put(service, event.instance)
        case InstanceUpdated():
            known = service.instances[event.instance]
            changed = replace(known, weight=event.weight, metadata=event.metadata, version=event.version)
            return _put(service, changed)
        case InstanceHealthChanged():
            known = service.instances[event.instance]
            changed = replace(known, healthy=event.healthy, reason=event.reason, version=event.version)
            return _put(service, changed)
        case InstancesLeft():
            return _left(service, event)
        case WatchStarted():
            return _watched(service, event)
        case WatchEnded():
            return _unwatched(service, event.ticket)


def _put(service: Service, instance: Instance) -> Service:
    before = service.instances.get(instance.instance)
    size = service.bytes + instance_bytes(instance) - (0 if before is None else instance_bytes(before))
    instances = service.instances | {instance.instance: instance}
    return Service(instance.version, instances, size, service.watches)


def _left(service: Service, e: InstancesLeft) -> Service:
    instances, size = dict(service.instances), service.bytes
    for name in e.instances:
        size -= instance_bytes(instances.pop(name))
    if instances or service.watches:
        return Service(e.version if instances else 0, instances, size, service.watches)
    return NO_SERVICE


def _watched(service: Service, e: WatchStarted) -> Service:
    watch = Watch(e.principal, e.client, e.handle, e.sequence, e.ticket, e.known_version, e.wait_until)
    return Service(service.version, service.instances, service.bytes, (*service.watches, watch))


def _unwatched(service: Service, ticket: int) -> Service:
    watches = service.watches
    index = bisect_left(watches, ticket, key=_ticket)
    if index == len(watches) or watches[index].ticket != ticket:
        raise LookupError(f"ticket {ticket} does not watch this service")
    left = watches[:index] + watches[index + 1 :]
    if left or service.instances:
        return Service(service.version, service.instances, service.bytes, left)
    return NO_SERVICE
