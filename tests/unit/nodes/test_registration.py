"""RegisterNode: one live session a node, restarts, what a node says of itself."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.decider import Context
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider
from streams.domain.nodes import events as e
from streams.domain.nodes.limits import MAX_UNSWEPT
from streams.domain.nodes.names import PLATFORM
from streams.domain.nodes.node import NO_NODE
from streams.domain.nodes.replies import NodeClosed, NodeJoined
from tests.unit.nodes.spec import (
    NAME,
    REGISTRATION,
    SESSION,
    TIMEOUT,
    Spec,
    beat,
    join,
    joined,
    nobody,
    node,
    sealed,
    who,
)

JOINED = NodeJoined(SESSION, 5_000, 1_000, existed=False)
OTHER = replace(REGISTRATION, zone="z2")


def test_a_session_begins() -> None:
    nobody().when(join()).then(joined()).answers(JOINED).due(2_500)


def test_a_timeout_of_nothing_stands_for_five_seconds() -> None:
    nobody().when(join(replace(REGISTRATION, timeout_ms=0))).then(joined()).answers(JOINED)


def test_who_registers_again_keeps_the_session() -> None:
    known = replace(JOINED, existed=True)
    spec = node().at(100).when(join()).then().answers(known)
    spec.when(join(OTHER)).then(e.NodeChanged(SESSION, OTHER)).answers(known)
    assert spec.when(join(OTHER)).when(c.InspectNode(NAME)).reply.registration == OTHER
    spec.when(join(replaces=sealed("n1:77"))).then().answers(known)


@pytest.mark.parametrize(("by", "principal"), [("b", "alice"), ("a", "bob")])
def test_another_client_is_refused_while_the_node_is_alive(by: str, principal: str) -> None:
    spec = node().at(700).when(join(), by, principal=principal)
    spec.refuses("NODE_ALIVE", "client-a", "700 ms", "replaces")
    assert ("session", SESSION) in spec.reply.details
    node().when(join(replaces=sealed("n1:7")), by, principal=principal).refuses("NODE_ALIVE")


@pytest.mark.parametrize(("roles", "platform"), [((), False), (("OPERATOR",), False), (("SYSTEM",), True)])
def test_only_who_has_the_role_of_our_own_processes_is_one(roles: tuple[str, ...], platform: bool) -> None:
    ours = replace(REGISTRATION, labels=(c.Label(PLATFORM, "true"),))
    (event,) = nobody().when(join(ours), roles=roles).decision.events
    assert isinstance(event, e.NodeRegistered) and event.platform is platform
    (event,) = nobody().when(join(), roles=roles).decision.events
    assert isinstance(event, e.NodeRegistered) and not event.platform


def test_a_restart_ends_the_session_that_it_names() -> None:
    spec = node().at(9).when(join(replaces=SESSION), "b")
    ended = e.NodeLeft(SESSION, "REPLACED", 2, 9, "alice", "", TIMEOUT - 9)
    spec.then(ended, joined(3, 9, "b")).answers(replace(JOINED, session=sealed("n1:3")))
    state = spec.when(c.InspectNode(NAME)).reply
    assert (state.session, state.client, [each.session for each in state.unswept]) == (
        *(sealed("n1:3"), "client-b"),
        [SESSION],
    )
    spec.when(beat(), "a").refuses("SESSION_ENDED", "REPLACED")


def test_the_same_client_may_restart_too() -> None:
    """It trusts nothing of before: others need not wait."""
    spec = node().when(join(replaces=SESSION)).answers(replace(JOINED, session=sealed("n1:3")))
    left = spec.decision.events[0]
    assert isinstance(left, e.NodeLeft) and left.trusted_ms == 0


def test_a_restart_is_of_the_same_principal() -> None:
    node().when(join(replaces=SESSION), "b", principal="bob").refuses("NOT_YOURS", "'alice'")


def test_the_session_to_be_replaced_may_have_ended() -> None:
    spec = node().when(c.DeregisterNode(NAME, SESSION)).when(join(replaces=SESSION), "b")
    spec.answers(replace(JOINED, session=sealed("n1:3")))


def test_sessions_that_nobody_sweeps_are_bounded() -> None:
    spec = nobody()
    for _ in range(MAX_UNSWEPT):
        spec = spec.when(join())
        session = spec.reply.session
        last_but_one = spec
        spec = spec.when(c.DeregisterNode(NAME, session)).answers(NodeClosed(session, ended=True))
    last_but_one.when(join(replaces=session), "b").refuses("SESSIONS_UNSWEPT")
    refused = spec.when(join()).refuses("SESSIONS_UNSWEPT", "sweeper", "brake")
    assert refused.reply.retry_after_ms == 1_000
    spec.when(c.SweepDone(NAME, SESSION, 9)).when(join()).answers(
        replace(JOINED, session=sealed(f"n1:{2 * MAX_UNSWEPT + 2}"))
    )


@pytest.mark.parametrize("name", ["", "brake", "service:x", "a:b", "x" * 101, "a\n"])
def test_names_have_bounds(name: str) -> None:
    state = decider.initial(f"dev/{name}")
    for command in (join(name=name), beat(name=name), c.InspectNode(name), c.UndrainNode(name)):
        Spec(state, 0, 1, None).when(command).refuses("BAD_ARGUMENT")


LONG = tuple(c.Label(str(number), "") for number in range(33))


@pytest.mark.parametrize(
    "changed",
    [
        {"address": "x" * 257},
        {"address": "\n"},
        {"zone": "x" * 129},
        {"labels": LONG},
        {"labels": (c.Label("", "x"),)},
        {"labels": (c.Label("x", "\n"),)},
        {"labels": (c.Label("x", "1"), c.Label("x", "2"))},
        {"metadata": (c.Label("x", "é" * 2_048),)},
        {"capacity": -1},
        {"capacity": 1 << 31},
        {"timeout_ms": 999},
        {"timeout_ms": 600_001},
        {"timeout_ms": -1},
    ],
)
def test_what_a_node_says_of_itself_has_bounds(changed: dict[str, Any]) -> None:
    nobody().when(join(replace(REGISTRATION, **changed))).refuses("BAD_ARGUMENT")
    node().when(join(replace(REGISTRATION, **changed))).refuses("BAD_ARGUMENT")


def test_the_session_that_is_replaced_is_a_text_of_bounds() -> None:
    nobody().when(join(replaces="x" * 129)).refuses("BAD_ARGUMENT", "replaces")


def test_a_session_fits_the_meta_of_a_command() -> None:
    greatest = Context(0, (1 << 15) - 1, (1 << 48) - 1)
    decision = decider.decide(join(name="n" * 100), who(), NO_NODE, greatest)
    assert isinstance(decision.reply, NodeJoined)
    assert len(decision.reply.session) <= 128


def test_a_node_that_never_was_is_unknown() -> None:
    for command in (
        c.InspectNode(NAME),
        beat(),
        c.DrainNode(NAME, ""),
        c.UndrainNode(NAME),
        c.EvictNode(NAME, "", ""),
        c.ReportChecks(NAME, SESSION, ()),
    ):
        spec = nobody().when(command).refuses("NODE_UNKNOWN", "RegisterNode")
        assert spec.state is NO_NODE
