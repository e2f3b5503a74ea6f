"""Silence: suspicion, death with its evidence, pauses for those that die again and again, forgetting."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.domain.nodes.limits import QUIET_MS
from streams.domain.nodes.node import NO_NODE
from tests.unit.nodes.spec import NAME, REGISTRATION, SESSION, Spec, beat, join, joined, node


def test_suspicion_comes_after_half_the_timeout() -> None:
    spec = node().at(1_000).when(beat()).due(3_500)
    spec.at(3_499).tick().then()
    suspected = spec.at(3_500).tick().due(6_000)
    suspected.then(e.NodeSuspected(SESSION, e.Evidence(1_000, 2_500, 1, 1_000)))


def test_death_comes_after_the_timeout() -> None:
    spec = node().at(1_000).when(beat()).at(3_500).tick()
    spec.at(5_999).tick().then()
    evidence = e.Evidence(1_000, 5_000, 1, 1_000)
    dead = spec.at(6_000).tick().then(e.NodeDied(SESSION, "SILENT", 4, 6_000, evidence, 1, 0)).due(None)
    state = dead.when(c.InspectNode(NAME)).reply
    assert (state.status, state.session, state.registration) == ("ENDED", SESSION, None)
    assert (state.last.cause, state.last.cause_id, state.last.ended_at) == ("SILENT", 4, 6_000)
    dead.when(beat()).refuses("SESSION_ENDED", "SILENT", "RegisterNode")


def test_nobody_dies_who_was_not_suspected() -> None:
    evidence = e.Evidence(0, 7_000, 0, 1_000)
    died = e.NodeDied(SESSION, "SILENT", 3, 7_000, evidence, 1, 0)
    node().at(7_000).tick().then(e.NodeSuspected(SESSION, evidence), died)


def test_a_node_sets_its_own_timeout() -> None:
    spec = node(replace(REGISTRATION, timeout_ms=60_000)).due(30_000).at(30_000).tick().due(60_000)
    assert spec.at(60_000).tick().decision.events[-1].evidence.interval_ms == 12_000  # type: ignore[union-attr]


def test_a_dead_node_may_register_at_once() -> None:
    spec = node().at(5_000).tick()
    spec.when(join(), "b").then(joined(4, 5_000, "b"))


def flap(spec: Spec, pause_ms: int = 0) -> Spec:
    """Register as soon as that is allowed, and fall silent."""
    state = spec.when(c.InspectNode(NAME)).reply
    spec = spec.at(max(spec.now, state.barred_until) + pause_ms).when(join())
    session = spec.reply.session
    spec = spec.at(spec.now + 5_000).tick()
    return spec.when(c.SweepDone(NAME, session, 1))


def pause(spec: Spec) -> Any:
    return max(0, spec.when(c.InspectNode(NAME)).reply.barred_until - spec.now)


def test_who_dies_again_and_again_has_to_wait_longer_and_longer() -> None:
    spec, pauses = flap(node().when(c.DeregisterNode(NAME, SESSION))), []
    for _ in range(20):
        pauses.append(pause(spec))
        spec = flap(spec)
    assert pauses[:9] == [0, 0, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000]
    assert set(pauses[8:]) == {300_000}


def test_the_refusal_says_how_long() -> None:
    spec = flap(flap(flap(node().when(c.DeregisterNode(NAME, SESSION)))))
    refused = spec.at(spec.now + 2_000).when(join()).refuses("NODE_FLAPPING", "3 times", "3000 ms")
    assert refused.reply.retry_after_ms == 3_000
    assert spec.at(spec.now + 5_000).when(join()).reply.existed is False


@pytest.mark.parametrize(("quiet_ms", "strikes"), [(QUIET_MS - 5_001, 4), (QUIET_MS - 5_000, 1)])
def test_a_quiet_time_makes_up_for_it(quiet_ms: int, strikes: int) -> None:
    spec = flap(flap(flap(node().when(c.DeregisterNode(NAME, SESSION)))))
    again = flap(spec.at(spec.now + quiet_ms))
    assert again.when(c.InspectNode(NAME)).reply.strikes == strikes


def test_leaving_is_no_strike() -> None:
    spec = flap(flap(node().when(c.DeregisterNode(NAME, SESSION)))).when(join())
    spec = spec.when(c.EvictNode(NAME, "", "x"))
    assert (pause(spec), spec.when(c.InspectNode(NAME)).reply.strikes) == (0, 2)


def test_a_node_that_is_gone_and_swept_is_forgotten() -> None:
    dead = node().at(5_000).tick().due(None)
    swept = dead.at(6_000).when(c.SweepDone(NAME, SESSION, 1)).due(5_000 + QUIET_MS)
    swept.at(4_999 + QUIET_MS).tick().then()
    gone = swept.at(5_000 + QUIET_MS).tick().then(e.NodeForgotten())
    assert gone.state is NO_NODE
    gone.due(None).when(beat()).refuses("NODE_UNKNOWN")


def test_a_late_sweep_does_not_keep_it() -> None:
    swept = node().at(5_000).tick().at(9 * QUIET_MS).when(c.SweepDone(NAME, SESSION, 1))
    assert swept.due(5_000 + QUIET_MS).tick().state is NO_NODE
