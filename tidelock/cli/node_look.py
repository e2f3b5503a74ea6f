"""`tidelock node list|show`: who is alive, now or at a moment."""

import asyncio
from pathlib import Path

import typer

from streams.domain.nodes.commands import InspectNode
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.replies import NodeState
from streams.log.vocabulary import Vocabulary
from streams.replay.errors import NeverUsed
from streams.replay.moment import AtTime
from streams.replay.resource import KeyChronicle
from tidelock.cli import node_view, options
from tidelock.cli.census import census
from tidelock.cli.connected import on_client
from tidelock.cli.discovery import find
from tidelock.cli.lease_now import LeaseNow, lease_at
from tidelock.cli.node_options import KIND, At, Node
from tidelock.cli.node_options import AtTime as AtOnlyTime
from tidelock.cli.rewinding import resource_name, rewound_with_bar
from tidelock.cli.when import Calendar
from tidelock.client.client import Client


def list_nodes(
    context: typer.Context,
    at: AtOnlyTime = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """List all nodes: alive, suspected, ended; their health, load, zone, and when each was heard.

    Folded from the logs, up to this moment or an earlier one; no database and no worker is asked. A node that has ended
    is listed for ten minutes, or as long as something it held is not given back. With `--json`, one object a line.

    Example: [green]tidelock node list --json | jq -r 'select(.status == "SUSPECTED").node'[/]
    """
    found = census(context, KIND, tenant, "", at, Calendar.now(utc), home, json)
    nodes = [one for one in found if isinstance(one.shown, NodeState)]
    node_view.nodes([(one.name, one.shown, one.now) for one in nodes], json)


def show_node(
    node: Node,
    at: At = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show one node: its session, what it says of itself, its checks, what its past asks for.

    As its partition's owner decides: never stale. With `--at`, from the log, as it stood then; `tidelock state nodes
    NODE --at ...` gives the proof too.

    Example: [green]tidelock node show worker-7[/]
    """
    if at:
        state, now = _stood(node, at, tenant, Calendar.now(utc), home, json)
    else:
        state, now = on_client(home, lambda client: _stands(client, node))
    node_view.node(node, state, now, json)


async def _stands(client: Client, node: str) -> tuple[NodeState, LeaseNow]:
    answered = await client.ask(KIND, InspectNode(node))
    assert answered.position is not None
    return answered.reply, LeaseNow(client.lease_ms(answered.position.partition))


def _stood(
    node: str, at: str, tenant: str, calendar: Calendar, home: Path, json: bool
) -> tuple[NodeState, LeaseNow]:
    resource, target, words = resource_name(KIND, tenant, node), calendar.target(at), Vocabulary(NODES)
    chronicle = KeyChronicle(resource.key, words)
    kafka = find(home).need_kafka()
    rewound = asyncio.run(rewound_with_bar(kafka, resource, words, target, chronicle, quiet=json))
    state, moment = chronicle.state, rewound.moment
    if not isinstance(state, NodeState):
        raise NeverUsed(tenant, node, moment.last)
    time_ms = target.time_ms if isinstance(target, AtTime) else moment.last_ms
    return state, lease_at(moment, time_ms)
