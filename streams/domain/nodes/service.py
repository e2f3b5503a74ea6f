"""A service as it stands: its instances, and who waits for them to change. Standard library only."""

from typing import Final

from streams.domain.decider import LeaseMs
from streams.domain.nodes.events import Instance
from streams.domain.nodes.limits import labels_bytes
from streams.domain.value import value

ROOM_FOR_NUMBERS: Final = 64
"""What an instance takes besides its texts, at the most."""


@value
class Watch:
    """A WatchService that waits."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    known_version: int
    wait_until: LeaseMs


@value
class Service:
    """One service."""

    version: int
    """The token of its last change; 0 without instances, so that no version ever stands for two contents."""
    instances: dict[str, Instance]
    """Never changed in place; in the order in which they came."""
    bytes: int
    watches: tuple[Watch, ...]
    """By rising ticket: first come, first served."""


NO_SERVICE: Final = Service(0, {}, 0, ())


def next_deadline(service: Service) -> LeaseMs | None:
    """Return when a Tick is due: a wait ends; 0 (at once) while somebody is to be told of a change."""
    soonest: LeaseMs | None = None
    for watch in service.watches:
        if watch.known_version != service.version:
            return 0
        if soonest is None or watch.wait_until < soonest:
            soonest = watch.wait_until
    return soonest


def sessions_of(service: Service) -> tuple[str, ...]:
    """Return the sessions that have instances here, each once."""
    return tuple(dict.fromkeys([instance.session for instance in service.instances.values()]))


def instance_bytes(instance: Instance) -> int:
    """Return how many bytes an instance takes, at the most. Released: never changes, for states count them."""
    texts = (
        *(instance.instance, instance.session, instance.principal),
        *(instance.address, instance.zone, instance.reason),
    )
    labels = labels_bytes(instance.metadata) + 8 * len(instance.metadata)
    return ROOM_FOR_NUMBERS + sum([len(text.encode()) for text in texts]) + labels
