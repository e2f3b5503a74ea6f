"""How services and their instances are shown."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.text import Text

from streams.domain.nodes.inspect import ServiceState
from tidelock.cli import show
from tidelock.client.nodes.instance import Instance

NUMBERS = frozenset({"instances", "healthy", "draining", "weight", "watching"})


def services(found: Iterable[tuple[str, ServiceState]], as_json: bool) -> None:
    """Print services, one a row."""
    table = show.table(None, "service", "instances", "healthy", "watching", right=NUMBERS)
    for name, state in found:
        if as_json:
            counts = {"instances": state.instance_count, "healthy": state.healthy, "watching": state.watching}
            show.as_json({"service": name} | counts | {"version": state.version})
        else:
            healthy = Text(show.number(state.healthy), style="green" if state.healthy else "red")
            counts_of = (show.number(state.instance_count), healthy, show.number(state.watching))
            table.add_row(show.literal(name), *counts_of)
    if as_json:
        return
    if table.row_count:
        show.out.print(table)
    else:
        show.say("no service is offered: client.service(...).register()")


def numbers(service: str, found: Sequence[Instance], as_json: bool) -> None:
    """Print a service in numbers, zone by zone."""
    zones = {
        zone: [each for each in found if each.zone == zone] for zone in sorted({one.zone for one in found})
    }
    if as_json:
        by_zone = {zone: _counts(there) for zone, there in zones.items()}
        show.as_json({"service": service} | _counts(found) | {"zones": by_zone})
        return
    total = _counts(found)
    show.say(f"{service}: {total['healthy']} of {total['instances']} instances are healthy", "bold")
    table = show.table(None, "zone", "instances", "healthy", "draining", "weight", right=NUMBERS)
    for zone, there in zones.items():
        table.add_row(show.literal(zone or "-"), *map(show.number, _counts(there).values()))
    if zones:
        show.out.print(table)


def instances(service: str, found: Sequence[Instance], as_json: bool) -> None:
    """Print instances, one a row."""
    if as_json:
        for each in found:
            show.as_json(facts(each))
        return
    if not found:
        show.say(f"{service}: nobody offers it")
        return
    table = show.table(
        None, "instance", "health", "address", "zone", "weight", "node", "metadata", right=NUMBERS
    )
    for each in found:
        table.add_row(show.literal(each.name), _health(each), *map(show.literal, _rest(each)))
    show.out.print(table)


def facts(instance: Instance) -> dict[str, object]:
    """Return an instance for machines."""
    return {"instance": instance.name, "node": instance.node} | {
        name: told for name, told in asdict(instance).items() if name != "name"
    }


def may_be_called(each: Instance) -> bool:
    """Say whether callers choose it."""
    return each.healthy and not each.draining


def _counts(found: Sequence[Instance]) -> dict[str, int]:
    """Return how many there are, how many healthy and draining, and the weight of those that may be called."""
    return {
        "instances": len(found),
        "healthy": sum(each.healthy for each in found),
        "draining": sum(each.draining for each in found),
        "weight": sum(each.weight for each in found if may_be_called(each)),
    }


def _health(each: Instance) -> Text:
    return Text(standing(each), style="green" if may_be_called(each) else "red")


def standing(each: Instance) -> str:
    """Return whether it may be called, and if not why."""
    why = f" ({each.reason})" if each.reason else ""
    return ("healthy" if each.healthy else "unhealthy") + why + (", draining" if each.draining else "")


def _rest(each: Instance) -> tuple[str, ...]:
    metadata = ", ".join(f"{name}={word}" for name, word in each.metadata.items())
    return (each.address, each.zone, str(each.weight), each.node, metadata)
