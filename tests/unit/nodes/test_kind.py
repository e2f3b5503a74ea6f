"""The kind's entry is complete, every message survives its schema, and states are shown to people."""

from typing import Any, get_args

import pytest

from schemas.meta import CommandMeta
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider
from streams.domain.nodes import events as e
from streams.domain.nodes import replies as r
from streams.domain.nodes.heartbeat import Heartbeats, heard_keys
from streams.domain.nodes.inspect import ServiceState, shown
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.names import node_of, session_of, token_of
from streams.log.vocabulary import Vocabulary
from tests.unit.nodes.spec import (
    NAME,
    REGISTRATION,
    SESSION,
    SETTINGS,
    beat,
    brake,
    check,
    join,
    nobody,
    node,
    offer,
    offered,
    service,
    watch,
)

META = CommandMeta(1, "dev", "client", 2, "h", 3, 4, None, SESSION)
CHECKS = (c.Check("disk", "CRITICAL", "full"),)
EVIDENCE = e.Evidence(1, 2, 3, 4)
ENDED = r.EndedSession(SESSION, "REPLACED", 1 << 50, 9)
COMMANDS: list[Any] = [
    join(),
    beat(health="WARNING"),
    c.ReportChecks(NAME, SESSION, CHECKS),
    c.DeregisterNode(NAME, SESSION),
    c.EvictNode(NAME, "", "why"),
    c.DrainNode(NAME, "why"),
    c.UndrainNode(NAME),
    c.SweepDone(NAME, SESSION, 4),
    c.InspectNode(NAME),
    offer(metadata=(c.Label("a", "b"),)),
    c.UpdateInstance("pay", "i1", 1, (), 2),
    check(True, 2),
    c.DeregisterInstance("pay", "i1"),
    c.EvictInstance("pay", "i1", "why"),
    watch(-1),
    c.WithdrawWatch("pay", 3),
    c.DiscoverInstances("pay"),
    c.PullBrake(1, 2, 3, "x"),
    c.ReleaseBrake("x"),
    c.ConfigureBrake(SETTINGS),
    c.InspectBrake(),
]
EVENTS: list[Any] = [
    e.NodeRegistered(NAME, SESSION, 1 << 50, "p", "c", 3, REGISTRATION),
    e.NodeChanged(SESSION, REGISTRATION),
    e.NodesHeard(3, (e.Beat(NAME, 1 << 50, 4, "WARNING"),)),
    e.NodeChecked(SESSION, CHECKS),
    e.NodeSuspected(SESSION, EVIDENCE),
    e.NodeDied(SESSION, "SILENT", 1 << 50, 2, EVIDENCE, 3, 4),
    e.NodeLeft(SESSION, "EVICTED", 1, 2, "p", "why", 7),
    e.NodeDrained(SESSION, "p", "why"),
    e.NodeUndrained(SESSION, "p"),
    e.SessionSwept(SESSION, 1, 2),
    e.NodeForgotten(),
    e.InstanceRegistered(offered(1)),
    e.InstanceUpdated("i1", 1, (c.Label("a", "b"),), 2),
    e.InstanceHealthChanged("i1", False, "r", 2),
    e.InstancesLeft(SESSION, "SESSION_ENDED", "why", ("i1",), 2, "p"),
    e.WatchStarted("p", "c", "h", 1, 2, 3, 4),
    e.WatchEnded("p", "c", "h", 1, 2, "TIMED_OUT", 3),
    e.MassFailureAlarmed(1, 2, 3, "c", 4),
    e.BrakePulled(1, 2, "p", "c"),
    e.BrakeReleased("p", "w", 3),
    e.BrakeConfigured(SETTINGS, 1),
]
REPLIES: list[Any] = [
    r.NodeJoined(SESSION, 1, 2, existed=True),
    r.Heard(1),
    r.NodeClosed(SESSION, ended=True),
    r.NodeKept(SESSION, draining=True),
    r.SweepRecorded(SESSION, recorded=True),
    r.NodeState(
        *("SUSPECTED", SESSION, "p", "c", 1, REGISTRATION, True, 2, 3, 4, "CRITICAL", CHECKS),
        *((ENDED,), ENDED, 5, 6),
    ),
    r.InstanceKept(1, changed=True),
    r.InstanceClosed(1, ended=True),
    r.HealthTaken(healthy=True, needed=1),
    r.Watching(1, 2),
    r.ServiceWatched(1, changed=True),
    r.WatchWithdrawn(),
    r.SessionCleared(1),
    r.BrakeState(True, 1, 2, "c", SETTINGS),
    r.TimerRan(),
    r.ServiceInstances(1, (offered(1, metadata=(c.Label("a", "b"),)),)),
    r.NodeDrains(),
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(NODES)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_survive_their_schema(vocabulary: Vocabulary, command: Any) -> None:
    assert vocabulary.decode_command(vocabulary.encode_command(META, command)) == (META, command)


@pytest.mark.parametrize("event", EVENTS)
def test_events_survive_their_schema(vocabulary: Vocabulary, event: Any) -> None:
    assert vocabulary.decode_event(vocabulary.encode_event(event)) == event


@pytest.mark.parametrize("reply", REPLIES)
def test_replies_survive_their_schema(vocabulary: Vocabulary, reply: Any) -> None:
    assert vocabulary.decode_reply(vocabulary.encode_reply(reply)) == reply


def test_no_message_is_forgotten() -> None:
    assert {type(event) for event in EVENTS} == set(NODES.events) == set(get_args(e.Event))
    assert (
        {type(reply) for reply in REPLIES}
        == set(NODES.replies)
        == {*get_args(r.Reply), r.ServiceInstances, r.NodeDrains}
    )
    assert {type(command) for command in COMMANDS} == {spec.type for spec in NODES.commands}


def test_reads_and_heartbeats_are_not_deduplicated() -> None:
    plain = {spec.type.__name__ for spec in NODES.commands if not spec.deduplicated}
    assert plain == {"Heartbeat", "InspectNode", "DiscoverInstances", "InspectBrake"}
    assert [spec.type for spec in NODES.commands if spec.coalesce is not None] == [c.Heartbeat]


@pytest.mark.parametrize("command", COMMANDS)
def test_keys_tell_the_aggregates_apart(command: Any) -> None:
    name = NODES.key_of(command)
    expected = NAME if isinstance(command, c.OfNode) else "service:pay"
    assert name == ("brake" if isinstance(command, c.OfBrake) else expected)
    state = decider.initial(f"dev/{name}")
    assert state is decider.initial(f"other/{name}")
    assert type(state).__name__ == {NAME: "Node", "brake": "Brake"}.get(name, "Service")


def test_a_node_may_be_called_like_a_path() -> None:
    assert decider.initial("dev/rack/brake") is nobody().state


def test_beats_fold_into_the_keys_of_their_nodes() -> None:
    beats = (e.Beat("a", 1, 0, "PASSING"), e.Beat("b", 1, 0, "PASSING"))
    assert NODES.key_of(Heartbeats(beats)) == "a"
    assert heard_keys("dev", e.NodesHeard(1, beats)) == ("dev/a", "dev/b")


def test_sessions_are_texts() -> None:
    session = session_of("n", 1 << 50, "p")
    assert (node_of(session), token_of(session)) == ("n", 1 << 50)


def test_what_people_see() -> None:
    assert shown(nobody().state) is None
    alive = node().when(c.InspectNode(NAME))
    assert shown(alive.state) == alive.reply
    assert shown(brake().state) == brake().when(c.InspectBrake()).reply
    spec = service().when(offer()).when(offer("i2", healthy=False)).when(watch(2))
    seen = shown(spec.state)
    assert isinstance(seen, ServiceState)
    assert (seen.version, seen.instance_count, seen.healthy, seen.watching) == (2, 2, 1, 1)
    assert seen.instances == (offered(1), offered(2, "i2", healthy=False))
