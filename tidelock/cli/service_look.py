"""`tidelock service list|show|instances`: who offers what, now or at a moment."""

import asyncio
from pathlib import Path

import typer

from streams.domain.nodes.inspect import ServiceState
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.names import SERVICE
from streams.domain.nodes.replies import ServiceInstances
from streams.log.vocabulary import Vocabulary
from streams.replay.resource import KeyChronicle
from tidelock.cli import exits, options, service_view
from tidelock.cli.census import census
from tidelock.cli.connected import on_client
from tidelock.cli.discovery import find
from tidelock.cli.node_options import KIND, At, AtTime, Service
from tidelock.cli.rewinding import resource_name, rewound_with_bar
from tidelock.cli.when import Calendar
from tidelock.client.nodes.instance import Instance, instances_of


def list_services(
    context: typer.Context,
    at: AtTime = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """List all services that are offered: how many instances, how many of them healthy.

    Folded from the logs, up to this moment or an earlier one; no database and no worker is asked. With `--json`, one
    object a line.

    Example: [green]tidelock service list --at -1h[/]
    """
    found = census(context, KIND, tenant, SERVICE, at, Calendar.now(utc), home, json)
    shown = [(one.name[len(SERVICE) :], one.shown) for one in found if isinstance(one.shown, ServiceState)]
    service_view.services([(name, state) for name, state in shown if state.instance_count], json)


def show_service(
    service: Service,
    at: At = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show a service in numbers, zone by zone. Exit code 1 if nobody can be called.

    As its owner decides: never stale; with `--at`, from the log, as it stood then. Callers choose among the healthy
    that are not draining, those of weight 0 only where there is no other.

    Example: [green]tidelock service show prices || page-somebody[/]
    """
    found = _found(service, at, tenant, utc, home, json)
    service_view.numbers(service, found, json)
    if not any(map(service_view.may_be_called, found)):
        raise typer.Exit(exits.NO)


def instances(
    service: Service,
    at: At = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show the instances of a service: where, how healthy and why, which weight, whose. Exit code 1 if there are none.

    As its owner decides: never stale; with `--at`, from the log, as it stood then. With `--json`, one object a line.

    Example: [green]tidelock service instances prices --json | jq -r 'select(.healthy).address'[/]
    """
    found = _found(service, at, tenant, utc, home, json)
    service_view.instances(service, found, json)
    if not found:
        raise typer.Exit(exits.NO)


def _found(service: str, at: str, tenant: str, utc: bool, home: Path, json: bool) -> tuple[Instance, ...]:
    if at:
        return _stood(service, at, tenant, Calendar.now(utc), home, json)
    return on_client(home, lambda client: client.service(service).instances())


def _stood(
    service: str, at: str, tenant: str, calendar: Calendar, home: Path, json: bool
) -> tuple[Instance, ...]:
    resource, words = resource_name(KIND, tenant, f"{SERVICE}{service}"), Vocabulary(NODES)
    chronicle, target = KeyChronicle(resource.key, words), calendar.target(at)
    kafka = find(home).need_kafka()
    asyncio.run(rewound_with_bar(kafka, resource, words, target, chronicle, quiet=json))
    state = chronicle.whole
    return instances_of(service, ServiceInstances(state.version, tuple(state.instances.values())))
