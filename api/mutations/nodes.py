"""What is done to nodes, instances and the brake. Workers decide what the caller's token may."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from api.context import Info
from api.mutations.refusals import refusal_of
from api.mutations.speaking import speaking
from api.types.brakes import BrakeSettings
from api.types.node_inputs import BrakeSettingsInput, OfferInput, RegistrationInput, health_of, labels_of
from api.types.node_results import (
    ChangeBrakeResult,
    ChangedBrake,
    ClosedInstance,
    ClosedNode,
    CloseInstanceResult,
    CloseNodeResult,
    HeardNode,
    HeartbeatResult,
    KeepInstanceResult,
    KeepNodeResult,
    KeptInstance,
    KeptNode,
    RegisteredNode,
    RegisterNodeResult,
)
from api.types.nodes import Health
from api.types.results import Refusal
from api.types.scalars import Long, Position
from streams.domain.nodes import commands, replies
from tidelock.client.errors import TidelockError

NODES = "nodes"
T = TypeVar("T")
At: TypeAlias = Position | None


async def _asked(
    info: Info, session: str | None, command: object, told: Callable[[Any, At], T], of: str = ""
) -> T | Refusal:
    """Send a command, for the node session `of`; return what the reply and its position tell, or the refusal."""
    try:
        async with speaking(info, session) as client:
            answer = await client.ask(NODES, command, session=of)
            return told(answer.reply, cast("At", answer.position))
    except TidelockError as error:
        return refusal_of(error)


async def register_node(
    info: Info, session: str, name: str, registration: RegistrationInput | None = None, replaces: str = ""
) -> RegisterNodeResult:
    """Begin a session of a node."""

    def told(reply: replies.NodeJoined, at: At) -> RegisteredNode:
        return RegisteredNode(
            name=name, session=reply.session, timeout_ms=reply.timeout_ms, interval_ms=reply.interval_ms,
            existed=reply.existed, position=at,
        )  # fmt: skip

    said = (registration or RegistrationInput()).registration()
    return await _asked(info, session, commands.RegisterNode(name, said, replaces), told)


async def heartbeat(
    info: Info, session: str, name: str, node_session: str, load: int = 0, health: Health = Health.PASSING
) -> HeartbeatResult:
    """Say that a node is alive."""
    command = commands.Heartbeat(name, node_session, load, health_of(health))
    return await _asked(info, session, command, lambda _, at: HeardNode(name=name, position=at))


async def deregister_node(info: Info, session: str, name: str, node_session: str) -> CloseNodeResult:
    """End a session cleanly."""
    return await _asked(info, session, commands.DeregisterNode(name, node_session), _closed(name))


async def evict_node(
    info: Info, name: str, node_session: str = "", why: str = "", session: str | None = None
) -> CloseNodeResult:
    """End the session of a node."""
    return await _asked(info, session, commands.EvictNode(name, node_session, why), _closed(name))


def _closed(name: str) -> Callable[[replies.NodeClosed, At], ClosedNode]:
    return lambda reply, at: ClosedNode(name=name, session=reply.session, ended=reply.ended, position=at)


async def drain_node(info: Info, name: str, why: str = "", session: str | None = None) -> KeepNodeResult:
    """Give a node no new work."""
    return await _asked(info, session, commands.DrainNode(name, why), _kept(name))


async def undrain_node(info: Info, name: str, session: str | None = None) -> KeepNodeResult:
    """Give a node work again."""
    return await _asked(info, session, commands.UndrainNode(name), _kept(name))


def _kept(name: str) -> Callable[[replies.NodeKept, At], KeptNode]:
    return lambda reply, at: KeptNode(name=name, session=reply.session, draining=reply.draining, position=at)


async def register_instance(
    info: Info, session: str, node_session: str, service: str, instance: str, offer: OfferInput | None = None
) -> KeepInstanceResult:
    """Offer a service on behalf of a node's session."""
    terms = offer or OfferInput()
    command = commands.RegisterInstance(
        service, instance, terms.address, terms.zone, terms.weight, labels_of(terms.metadata), terms.healthy,
        terms.rise, terms.fall, terms.draining,
    )  # fmt: skip

    def told(reply: replies.InstanceKept, at: At) -> KeptInstance:
        version = Long(reply.version)
        return KeptInstance(
            service=service, instance=instance, version=version, changed=reply.changed, position=at
        )

    return await _asked(info, session, command, told, node_session)


async def deregister_instance(
    info: Info, node_session: str, service: str, instance: str, session: str | None = None
) -> CloseInstanceResult:
    """Offer an instance no longer."""
    command = commands.DeregisterInstance(service, instance)
    return await _asked(info, session, command, _withdrawn(service, instance), node_session)


def _withdrawn(service: str, instance: str) -> Callable[[replies.InstanceClosed, At], ClosedInstance]:
    return lambda reply, at: ClosedInstance(
        service=service, instance=instance, ended=reply.ended, position=at
    )


async def evict_instance(
    info: Info, service: str, instance: str, why: str = "", session: str | None = None
) -> CloseInstanceResult:
    """Take an instance out of discovery."""
    command = commands.EvictInstance(service, instance, why)
    return await _asked(info, session, command, _withdrawn(service, instance))


async def configure_brake(
    info: Info, settings: BrakeSettingsInput, session: str | None = None
) -> ChangeBrakeResult:
    """Replace the settings of the brake."""
    return await _asked(info, session, commands.ConfigureBrake(settings.settings()), _braked)


async def pull_brake(info: Info, cause: str, session: str | None = None) -> ChangeBrakeResult:
    """End no more sessions of nodes that fell silent."""
    return await _asked(info, session, commands.PullBrake(0, 0, 0, cause), _braked)


async def release_brake(info: Info, why: str = "", session: str | None = None) -> ChangeBrakeResult:
    """Go on ending sessions."""
    return await _asked(info, session, commands.ReleaseBrake(why), _braked)


def _braked(reply: replies.BrakeState, at: At) -> ChangedBrake:
    settings = cast("BrakeSettings", reply.settings)
    return ChangedBrake(pulled=reply.pulled, cause=reply.cause, settings=settings, position=at)
