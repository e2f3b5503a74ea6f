"""The kind `nodes`, as the catalogue lists it. Standard library only."""

from typing import Final, get_args

from streams.domain.kind import CommandSpec, KindSpec
from streams.domain.nodes import decider
from streams.domain.nodes.commands import (
    Command,
    ConfigureBrake,
    DiscoverInstances,
    EvictInstance,
    EvictNode,
    Heartbeat,
    InspectBrake,
    InspectNode,
    OfBrake,
    OfNode,
    PullBrake,
    ReleaseBrake,
    SweepDone,
)
from streams.domain.nodes.events import Event, NodesHeard
from streams.domain.nodes.heartbeat import Heartbeats, heard_keys, join, refuse
from streams.domain.nodes.inspect import shown
from streams.domain.nodes.joined import attached
from streams.domain.nodes.names import BRAKE, SERVICE
from streams.domain.nodes.replies import NodeDrains, Reply, ServiceInstances
from streams.domain.roles import Role

READS: Final = (InspectNode, DiscoverInstances, InspectBrake)
_ROLES: Final[dict[type, tuple[Role, ...]]] = {
    SweepDone: ("SYSTEM",),
    PullBrake: ("SYSTEM", "OPERATOR"),
    EvictNode: ("OPERATOR",),
    EvictInstance: ("SYSTEM", "OPERATOR"),
    ReleaseBrake: ("OPERATOR",),
    ConfigureBrake: ("OPERATOR",),
}


def _key(command: Command | Heartbeats) -> str:
    if isinstance(command, Heartbeats):
        return command.beats[0].name
    if isinstance(command, OfNode):
        return command.name
    return BRAKE if isinstance(command, OfBrake) else SERVICE + command.service


def _spec(command: type) -> CommandSpec:
    if command is Heartbeat:
        return CommandSpec(command, deduplicated=False, coalesce=join, refuse=refuse)
    return CommandSpec(command, deduplicated=command not in READS, roles=_ROLES.get(command, ()))


NODES: Final = KindSpec(
    name="nodes",
    decider=decider,
    commands=tuple(_spec(each) for each in get_args(Command)),
    events=get_args(Event),
    replies=(*get_args(Reply), ServiceInstances, NodeDrains),
    key_of=_key,
    shown=shown,
    event_keys={NodesHeard: heard_keys},
    sessions_of=decider.sessions_of,
    attached=attached,
)
