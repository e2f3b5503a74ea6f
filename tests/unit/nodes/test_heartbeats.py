"""Heartbeats: who may send one, how many become one decision, and what a beat changes."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.decider import TIMER, Context
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider, heartbeat
from streams.domain.nodes import events as e
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.replies import Heard
from streams.log.vocabulary import Vocabulary
from tests.unit.nodes.spec import NAME, SESSION, beat, brake, heard, join, nobody, node, service, who


def test_a_beat_that_comes_alone() -> None:
    spec = node().at(400).when(beat(load=7, health="WARNING"))
    spec.then(heard(400, 1, 7, "WARNING")).answers(Heard(400)).due(2_900)
    state = spec.at(500).when(beat()).when(c.InspectNode(NAME)).reply
    assert (state.heard_at, state.beats, state.load, state.health) == (500, 2, 3, "PASSING")


def test_a_suspected_node_that_is_heard_is_alive_again() -> None:
    spec = node().at(2_500).tick()
    assert spec.when(c.InspectNode(NAME)).reply.status == "SUSPECTED"
    spec = spec.at(4_000).when(beat()).due(6_500)
    assert spec.when(c.InspectNode(NAME)).reply.status == "ALIVE"


def test_a_beat_saves_a_node_until_its_death_is_logged() -> None:
    node().at(99_000).when(beat()).then(heard(99_000)).due(101_500)


def test_a_beat_of_an_earlier_session_changes_nothing() -> None:
    spec = node().when(join(replaces=SESSION), "b").at(100)
    assert spec.folds(heard(100)).state is spec.state
    assert spec.folds(heard(100, 3)).state is not spec.state


def test_a_beat_of_a_node_that_is_not_there_changes_nothing() -> None:
    assert nobody().folds(heard(5)).state is nobody().state
    ended = node().when(c.DeregisterNode(NAME, SESSION))
    assert ended.folds(heard(5)).state is ended.state


def test_a_node_finds_its_beat_among_all() -> None:
    names = sorted([NAME, *(f"m{number}" for number in range(50)), *(f"o{number}" for number in range(50))])
    beats = tuple(e.Beat(name, 1, index, "PASSING") for index, name in enumerate(names))
    spec = node()
    folded: Any = spec.folds(e.NodesHeard(9, beats)).state
    assert (folded.pulse.at, folded.pulse.load) == (9, 50)
    without = tuple(each for each in beats if each.name != NAME)
    assert spec.folds(e.NodesHeard(9, without)).state is spec.state
    assert spec.folds(e.NodesHeard(9, ())).state is spec.state


@pytest.mark.parametrize(
    ("spec", "command", "by", "code"),
    [
        (node(), beat(), "a", None),
        (nobody(), beat(), "a", "NODE_UNKNOWN"),
        (node(), beat("n1:7"), "a", "SESSION_ENDED"),
        (node(), beat("forged"), "a", "SESSION_ENDED"),
        (node(), beat(), "b", "NOT_YOURS"),
        (node(), beat(load=-1), "a", "BAD_ARGUMENT"),
        (node(), beat(load=1 << 31), "a", "BAD_ARGUMENT"),
        (node().when(c.EvictNode(NAME, "", "x")), beat(), "a", "SESSION_ENDED"),
        (node().when(c.EvictNode(NAME, "", "x")), beat("n1:7"), "a", "SESSION_ENDED"),
        (brake(), beat(name="brake"), "a", "BAD_ARGUMENT"),
        (service(), beat(name="service:pay"), "a", "BAD_ARGUMENT"),
    ],
)
def test_each_is_judged_on_its_own(spec: Any, command: c.Heartbeat, by: str, code: str | None) -> None:
    refused = heartbeat.refuse(command, who(by), spec.state)
    assert (None if refused is None else refused.code) == code
    decided = spec.when(command, by)
    if code is not None:
        decided.refuses(code)


def test_another_principal_is_refused() -> None:
    assert node().when(beat(), principal="bob").refuses("NOT_YOURS", "client-a")


def test_many_become_one_decision() -> None:
    sent = [beat("b:4", 1, name="b"), beat("a:9", 2, "CRITICAL", "a"), beat("b:4", 5, name="b")]
    joint = heartbeat.join(tuple((who(), each) for each in sent))
    beats = (e.Beat("a", 9, 2, "CRITICAL"), e.Beat("b", 4, 5, "PASSING"))
    assert joint == heartbeat.Heartbeats(beats)
    decision = decider.decide(joint, TIMER, nobody().state, Context(70, 1, 5))
    assert decision.events == (e.NodesHeard(70, beats),)
    assert decision.reply == Heard(70)
    assert decision.after is None, "its event folds into other keys"


def test_a_beat_takes_few_bytes() -> None:
    words = Vocabulary(NODES)
    beats = tuple(e.Beat(f"worker-{number:05}", (1 << 48) + number, 99, "PASSING") for number in range(1_000))
    assert len(words.encode_event(e.NodesHeard(1, beats))) < 26 * 1_000


def test_checks_are_told_when_they_change() -> None:
    checks = (c.Check("disk", "WARNING", "91 %"),)
    report = c.ReportChecks(NAME, SESSION, checks)
    spec = node().when(report).then(e.NodeChecked(SESSION, checks))
    spec.when(report).then()
    assert spec.when(c.InspectNode(NAME)).reply.checks == checks
    spec.when(replace(report, session="n1:7")).refuses("SESSION_ENDED")
    spec.when(report, "b").refuses("NOT_YOURS")
    for bad in (checks * 33, (c.Check("", "PASSING", ""),), (c.Check("x", "PASSING", "x" * 201),)):
        spec.when(replace(report, checks=bad)).refuses("BAD_ARGUMENT")
