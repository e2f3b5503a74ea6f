"""How sessions end by wish, draining, and what the sweeper tells."""

from dataclasses import replace

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.domain.nodes.joined import attached
from streams.domain.nodes.replies import EndedSession, Heard, NodeClosed, NodeDrains, NodeKept, SweepRecorded
from tests.unit.nodes.spec import NAME, SESSION, TIMEOUT, beat, join, joined, nobody, node

LEAVE = c.DeregisterNode(NAME, SESSION)
EVICT = c.EvictNode(NAME, "", "too slow")
SWEPT = c.SweepDone(NAME, SESSION, 12)


def test_a_clean_end() -> None:
    left = node().at(8).when(LEAVE).then(e.NodeLeft(SESSION, "LEFT", 2, 8, "alice", "", 0)).due(None)
    left.answers(NodeClosed(SESSION, ended=True))
    left.when(LEAVE).then().answers(NodeClosed(SESSION, ended=False))
    left.when(join()).then(joined(3, 8))


def test_only_who_registered_ends_it() -> None:
    node().when(LEAVE, "b").refuses("NOT_YOURS", "client-a")
    node().when(LEAVE, principal="bob").refuses("NOT_YOURS")
    node().when(c.DeregisterNode(NAME, "n1:7"), "b").then().answers(NodeClosed("n1:7", ended=False))
    nobody().when(LEAVE).then().answers(NodeClosed(SESSION, ended=False))
    node().when(c.DeregisterNode(NAME, "x" * 129)).refuses("BAD_ARGUMENT")


def test_an_operator_evicts() -> None:
    gone = node().at(8).when(EVICT, "op", principal="root")
    gone.then(e.NodeLeft(SESSION, "EVICTED", 2, 8, "root", "too slow", TIMEOUT - 8)).answers(
        NodeClosed(SESSION, ended=True)
    )
    gone.when(EVICT).then().answers(NodeClosed("", ended=False))
    gone.when(beat()).refuses("SESSION_ENDED", "EVICTED")


def test_what_an_evicted_program_may_still_trust_ends_with_its_silence() -> None:
    heard = node().at(1_000).when(beat()).at(4_000).when(EVICT, "op", principal="root")
    (left,) = heard.decision.events
    assert isinstance(left, e.NodeLeft)
    assert left.trusted_ms == 1_000 + TIMEOUT - 4_000


def test_an_operator_may_name_the_session() -> None:
    node().when(replace(EVICT, session="n1:7")).then().answers(NodeClosed("n1:7", ended=False))
    node().when(replace(EVICT, session=SESSION)).answers(NodeClosed(SESSION, ended=True))
    node().when(replace(EVICT, why="x" * 501)).refuses("BAD_ARGUMENT")


def test_a_drained_node_is_told_with_each_heartbeat() -> None:
    drained = node().when(c.DrainNode(NAME, "patch"), "op", principal="root", roles=("OPERATOR",))
    assert attached(drained.state, Heard(9)) == (NodeDrains(),)
    assert attached(drained.when(c.UndrainNode(NAME)).state, Heard(9)) == ()
    assert attached(drained.when(join(replaces=SESSION)).state, Heard(9)) == ()
    assert attached(nobody().state, Heard(9)) == ()


def test_draining() -> None:
    drained = node().when(c.DrainNode(NAME, "patch"), "op", principal="root", roles=("OPERATOR",))
    drained.then(e.NodeDrained(SESSION, "root", "patch")).answers(NodeKept(SESSION, draining=True))
    drained.when(c.DrainNode(NAME, "")).then().answers(NodeKept(SESSION, draining=True))
    assert drained.at(9).when(beat()).when(c.InspectNode(NAME)).reply.draining is True
    back = drained.when(c.UndrainNode(NAME)).then(e.NodeUndrained(SESSION, "alice"))
    back.answers(NodeKept(SESSION, draining=False)).when(c.UndrainNode(NAME)).then()
    node().when(c.DrainNode(NAME, "x" * 501)).refuses("BAD_ARGUMENT")


def test_others_drain_a_node_only_as_operators() -> None:
    drained = node().when(c.DrainNode(NAME, "mine")).then(e.NodeDrained(SESSION, "alice", "mine"))
    for command in (c.DrainNode(NAME, ""), c.UndrainNode(NAME)):
        refused = drained.when(command, "b", roles=("SYSTEM",))
        refused.refuses("FORBIDDEN", type(command).__name__, "OPERATOR", "TIDELOCK_OPERATOR_TOKEN")
        drained.when(command, "a", principal="bob").refuses("FORBIDDEN")
        drained.when(command, "b", roles=("OPERATOR",)).answers(
            NodeKept(SESSION, draining=isinstance(command, c.DrainNode))
        )


def test_draining_ends_with_the_session() -> None:
    spec = node().when(c.DrainNode(NAME, "")).when(join(replaces=SESSION), "b")
    assert spec.when(c.InspectNode(NAME)).reply.draining is False
    for command in (c.DrainNode(NAME, ""), c.UndrainNode(NAME)):
        node().when(LEAVE).when(command).refuses("SESSION_ENDED", "LEFT")


def test_an_ended_session_is_kept_until_it_is_swept() -> None:
    left = node().at(8).when(LEAVE)
    ended = EndedSession(SESSION, "LEFT", 2, 8)
    assert left.when(c.InspectNode(NAME)).reply.unswept == (ended,)
    swept = left.when(SWEPT).then(e.SessionSwept(SESSION, 2, 12))
    swept.answers(SweepRecorded(SESSION, recorded=True))
    state = swept.when(c.InspectNode(NAME)).reply
    assert (state.unswept, state.last) == ((), ended)
    swept.when(SWEPT).then().answers(SweepRecorded(SESSION, recorded=False))


def test_a_sweep_of_a_session_that_never_was() -> None:
    nobody().when(SWEPT).then().answers(SweepRecorded(SESSION, recorded=False))


def test_an_earlier_session_is_swept_while_the_next_one_lives() -> None:
    spec = node().when(LEAVE).when(join(), "b")
    spec = spec.when(SWEPT).answers(SweepRecorded(SESSION, recorded=True))
    assert spec.when(c.InspectNode(NAME)).reply.status == "ALIVE"


def test_a_live_session_cannot_have_been_swept() -> None:
    node().when(SWEPT).refuses("SESSION_ALIVE", "EvictNode")


@pytest.mark.parametrize(
    "bad",
    [
        replace(SWEPT, session=""),
        replace(SWEPT, partitions=-1),
    ],
)
def test_what_a_sweep_tells_has_bounds(bad: c.SweepDone) -> None:
    node().when(LEAVE).when(bad).refuses("BAD_ARGUMENT")


def test_events_of_a_session_that_is_over_change_nothing() -> None:
    spec = node().when(join(replaces=SESSION), "b")
    late = (
        e.NodeDrained(SESSION, "x", ""),
        e.NodeLeft(SESSION, "LEFT", 9, 9, "x", "", 0),
        e.NodeChecked(SESSION, ()),
    )
    for event in late:
        assert spec.folds(event).state is spec.state
