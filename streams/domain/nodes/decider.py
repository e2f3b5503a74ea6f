"""Nodes and their sessions, services and their instances, the brake. Pure: no clock, no randomness, no I/O.

This module is the kind's `streams.domain.decider.Decider`, of three aggregates that the key tells apart. The rules:

* A node has at most one live session. It ends after `timeout_ms` of silence (suspected first, after half of it), or by
  wish; every end is an event with a cause id, and is kept until the sweeper has ended the session everywhere.
* Until its death is logged a node is alive: a heartbeat that comes before saves it.
* A node that dies again and again has to wait before it registers, longer each time.
* An instance lives as long as its session; its node's next session may take it over, an earlier one never.
* A service's version is the token of its last change. Who waits for another one gets all instances with the change.
* While the brake is pulled the sweeper ends no session that fell silent, unless its node has registered again.

Imports the standard library only.
"""

from typing import assert_never

from streams.domain.decider import Context, Decision, LeaseMs, Requester, Settled, Tick
from streams.domain.nodes import (
    brake,
    departures,
    instances,
    node_fold,
    service_fold,
    upkeep,
    verdicts,
    watches,
)
from streams.domain.nodes import node as node_state
from streams.domain.nodes import service as service_state
from streams.domain.nodes.brake import RELEASED, Brake
from streams.domain.nodes.commands import (
    Command,
    ConfigureBrake,
    DeregisterInstance,
    DeregisterNode,
    DiscoverInstances,
    DrainNode,
    EvictInstance,
    EvictNode,
    Heartbeat,
    InspectBrake,
    InspectNode,
    OfBrake,
    OfInstance,
    OfNode,
    OfService,
    PullBrake,
    RegisterInstance,
    RegisterNode,
    ReleaseBrake,
    ReportChecks,
    ReportHealth,
    SweepDone,
    UndrainNode,
    UpdateInstance,
    WatchService,
    WithdrawWatch,
)
from streams.domain.nodes.events import (
    Event,
    NodesHeard,
    OfBrakeEvent,
    OfNodeEvent,
    OfServiceEvent,
    WatchEnded,
)
from streams.domain.nodes.heartbeat import Heartbeats, hear, hear_one
from streams.domain.nodes.inspect import State
from streams.domain.nodes.inspect import node_state as inspected
from streams.domain.nodes.limits import refuse_name, refuse_session, refuse_text
from streams.domain.nodes.names import BRAKE, SERVICE, name_of
from streams.domain.nodes.node import NO_NODE, Node
from streams.domain.nodes.registration import register
from streams.domain.nodes.rejections import node_unknown, watch_withdrawn
from streams.domain.nodes.replies import Reply, SessionCleared, TimerRan
from streams.domain.nodes.service import NO_SERVICE, Service
from streams.domain.nodes.service_draft import Draft, settle
from streams.domain.session import SessionGone

__all__ = ["decide", "evolve", "initial", "next_deadline", "sessions_of", "settles"]


def initial(key: str) -> State:
    """Return the node or service that is not there, or the brake that nobody has touched."""
    name = name_of(key)
    if name.startswith(SERVICE):
        return NO_SERVICE
    return RELEASED if name == BRAKE else NO_NODE


def decide(
    command: Command | Heartbeats | SessionGone | Tick, who: Requester, state: State, context: Context
) -> Decision[Event, Reply]:
    """Return the events that `command` causes, or why it is refused."""
    match command:
        case Heartbeats():
            return hear(command, context)
        case Tick():
            return _tick(state, context)
        case SessionGone():
            if isinstance(state, Service):
                return instances.session_gone(command, state, context)
            return Decision((), SessionCleared(0))
    if isinstance(command, OfNode):
        refused = refuse_name(command.name)
        if refused is not None:
            return Decision((), refused)
        assert isinstance(state, Node)
        return _of_node(command, who, state, context)
    if isinstance(command, OfService):
        refused = refuse_text("service", command.service)
        if refused is None and isinstance(command, OfInstance):
            refused = refuse_session(who.session)
        if refused is not None:
            return Decision((), refused)
        assert isinstance(state, Service)
        return _of_service(command, who, state, context)
    assert isinstance(state, Brake)
    return _of_brake(command, who, state, context)


def _of_node(command: OfNode, who: Requester, node: Node, context: Context) -> Decision[Event, Reply]:
    match command:
        case Heartbeat():
            return hear_one(command, who, node, context)
        case RegisterNode():
            return register(command, who, node, context)
        case ReportChecks():
            return upkeep.report_checks(command, who, node)
        case DeregisterNode():
            return departures.deregister(command, who, node, context)
        case EvictNode():
            return departures.evict(command, who, node, context)
        case DrainNode():
            return upkeep.drain(command, who, node)
        case UndrainNode():
            return upkeep.undrain(command, who, node)
        case SweepDone():
            return departures.sweep_done(command, node)
        case InspectNode():
            return Decision((), node_unknown(command.name) if node is NO_NODE else inspected(node))
        case _:
            assert_never(command)


def _of_service(
    command: OfService, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    match command:
        case RegisterInstance():
            return instances.register(command, who, service, context)
        case UpdateInstance():
            return instances.update(command, who, service, context)
        case ReportHealth():
            return instances.report(command, who, service, context)
        case DeregisterInstance():
            return instances.deregister(command, who, service, context)
        case EvictInstance():
            return instances.evict(command, who, service, context)
        case WatchService():
            return watches.watch(command, who, service, context)
        case WithdrawWatch():
            return watches.withdraw(command, who, service, context)
        case DiscoverInstances():
            return watches.discover(command, service)
        case _:
            assert_never(command)


def _of_brake(command: OfBrake, who: Requester, state: Brake, context: Context) -> Decision[Event, Reply]:
    match command:
        case PullBrake():
            return brake.pull(command, who, state, context)
        case ReleaseBrake():
            return brake.release(command, who, state, context)
        case ConfigureBrake():
            return brake.configure(command, state)
        case InspectBrake():
            return Decision((), brake.shown(state))
        case _:
            assert_never(command)


def _tick(state: State, context: Context) -> Decision[Event, Reply]:
    if isinstance(state, Node):
        return verdicts.tick(state, context)
    if isinstance(state, Brake):
        return brake.tick(state, context)
    draft = Draft(state, context)
    settle(draft)
    return draft.decision(TimerRan())


def evolve(state: State, event: Event) -> State:
    """Return the state after `event`."""
    if isinstance(state, Node):
        if type(event) is NodesHeard:
            return node_fold.heard(state, event)
        assert isinstance(event, OfNodeEvent)
        return node_fold.evolve(state, event)
    if isinstance(state, Service):
        assert isinstance(event, OfServiceEvent)
        return service_fold.evolve(state, event)
    assert isinstance(event, OfBrakeEvent)
    return brake.evolve(state, event)


def next_deadline(state: State) -> LeaseMs | None:
    """Return when a Tick is due, or None."""
    if isinstance(state, Node):
        return node_state.next_deadline(state)
    return brake.next_deadline(state) if isinstance(state, Brake) else service_state.next_deadline(state)


def sessions_of(state: State) -> tuple[str, ...]:
    """Return the sessions that own something in `state`. A node's own session is the owner, not owned."""
    return service_state.sessions_of(state) if isinstance(state, Service) else ()


def settles(event: Event) -> Settled | None:
    """Return the final answer to the watch that waited, if `event` ends its wait."""
    if type(event) is not WatchEnded:
        return None
    withdrawn = event.cause == "WITHDRAWN"
    reply = watch_withdrawn(event.ticket) if withdrawn else watches.answer_of(event)
    return Settled(event.principal, event.client, event.sequence, reply)
