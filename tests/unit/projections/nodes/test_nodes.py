"""The read model `nodes`: what each event leaves in which row."""

import json
from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.projections.nodes.projections import AUDIT
from streams.projections.nodes.tables import BRAKE_HISTORY, BRAKES, NODE_HISTORY, NODES
from streams.projections.projection import PoisonDecision
from streams.wire.messages import SessionEnded
from tests.unit.projections.nodes.spec import (
    BRAKE,
    EVIDENCE,
    SETTINGS,
    at,
    beats,
    commits,
    did,
    died,
    due,
    given,
    left,
    registered,
    spec,
)

BEGUN = at(1_000, did(registered()))
SUSPECTED = at(3_500, due(e.NodeSuspected("n1:1", EVIDENCE)))
HISTORY = "event what by_ why status"


def beat(load: int = 1, health: c.Health = "PASSING", token: int = 1, name: str = "n1") -> Any:
    return beats(e.Beat(name, token, load, health))


def test_a_session_begins() -> None:
    told = given(at(1_000, did(registered(labels=(c.Label("b", "2"), c.Label("a", "1"))))))
    told.shows(
        NODES, "tenant name status session principal client", ("dev", "n1", "ALIVE", "n1:1", "alice", "c")
    )
    told.shows(NODES, "address zone capacity timeout_ms draining", ("10.0.0.1:80", "z1", 8, 5_000, False))
    told.shows(NODES, "registered_ms heard_ms since_ms changed_ms event", (1_000, 1_000, 1_000, 1_000, 1))
    told.shows(NODES, "labels", '{"a":"1","b":"2"}')
    told.shows(NODE_HISTORY, HISTORY, (1, "REGISTERED", "dev", "", "ALIVE"))


def test_a_heartbeat_that_says_nothing_new_is_written_down_every_five_seconds() -> None:
    told = given(BEGUN, at(2_000, beat(5)), at(5_999, beat(6)))
    told.shows(NODES, "load heard_ms changed_ms", (0, 1_000, 1_000))
    told = given(BEGUN, at(2_000, beat(5)), at(6_000, beat(6)), at(10_999, beat(7)))
    told.shows(NODES, "load heard_ms changed_ms", (6, 6_000, 1_000))
    told.shows(NODE_HISTORY, "what", "REGISTERED")


def test_a_heartbeat_with_another_health_is_a_change() -> None:
    told = given(BEGUN, at(1_250, beat(7, "CRITICAL")), at(1_500, beat(8, "CRITICAL")))
    told.shows(NODES, "load health heard_ms changed_ms", (7, "CRITICAL", 1_250, 1_250))
    told.shows(
        NODE_HISTORY, "event what health load", (1, "REGISTERED", "PASSING", 0), (2, "HEARD", "CRITICAL", 7)
    )


def test_suspicion_has_its_evidence_until_the_node_is_heard() -> None:
    told = given(BEGUN, SUSPECTED)
    told.shows(NODES, "status since_ms", ("SUSPECTED", 3_500))
    ((_, row),) = told.rows[NODES].items()
    evidence = json.loads(row[NODES.columns.index("evidence")])
    assert evidence == {"heard_at": 10, "silent_ms": 2_500, "beats": 3, "interval_ms": 1_000}
    back = given(BEGUN, SUSPECTED, at(3_600, beat()))
    back.shows(NODES, "status since_ms heard_ms evidence", ("ALIVE", 3_600, 3_600, None))
    back.shows(
        NODE_HISTORY, "what status", ("REGISTERED", "ALIVE"), ("SUSPECTED", "SUSPECTED"), ("HEARD", "ALIVE")
    )


def test_heartbeats_of_many_nodes_are_one_event() -> None:
    both = at(1_000, did(registered()), did(registered("n2", 2), key="dev/n2"))
    told = given(both, at(7_000, beats(e.Beat("n1", 1, 3, "PASSING"), e.Beat("n2", 2, 4, "WARNING"))))
    told.shows(NODES, "name load", ("n1", 3), ("n2", 4))
    told.shows(
        NODE_HISTORY, "name event what", ("n1", 1, "REGISTERED"), ("n2", 2, "REGISTERED"), ("n2", 3, "HEARD")
    )


def test_a_heartbeat_of_no_live_session_changes_nothing() -> None:
    given(BEGUN, at(9_000, beat(token=7), beat(name="n2"))).shows(NODES, "load heard_ms", (0, 1_000))
    dead = given(BEGUN, at(6_000, due(died())), at(12_000, beat()))
    dead.shows(NODES, "status heard_ms", ("ENDED", 1_000))


def test_a_death_has_its_evidence_and_how_long_the_node_is_barred() -> None:
    told = given(BEGUN, at(6_000, due(died(strikes=3, barred_until=5_020))))
    told.shows(
        NODES, "status since_ms cause cause_id ended_by ended_ms", ("ENDED", 6_000, "SILENT", 9, "", 6_000)
    )
    told.shows(NODES, "strikes barred_ms address", (3, 11_000, "10.0.0.1:80"))
    told.shows(NODE_HISTORY, HISTORY, (1, "REGISTERED", "dev", "", "ALIVE"), (2, "DIED", "", "", "ENDED"))
    ((_, row),) = told.rows[NODES].items()
    unswept = json.loads(row[NODES.columns.index("unswept")])
    assert unswept == [{"session": "n1:1", "cause": "SILENT", "cause_id": 9, "ended_ms": 6_000}]


def test_a_node_that_comes_back_keeps_what_it_left_until_it_is_swept() -> None:
    swept = e.SessionSwept("n1:1", 9, 8)
    told = given(BEGUN, at(2_000, did(left(cause="REPLACED", why=""), registered(token=3))))
    told.shows(NODES, "status session cause ended_ms", ("ALIVE", "n1:3", None, None))
    ((_, row),) = told.rows[NODES].items()
    assert "n1:1" in row[NODES.columns.index("unswept")]
    told = given(
        BEGUN, at(2_000, did(left(), registered(token=3))), at(3_000, did(swept)), at(4_000, did(swept))
    )
    told.shows(NODES, "unswept", "[]")
    told.shows(
        NODE_HISTORY, "what by_ why",
        ("REGISTERED", "dev", ""),
        ("LEFT", "root", "patch"),
        ("REGISTERED", "dev", ""),
        ("SWEPT", "dev", "n1:1"),
        ("SWEPT", "dev", "n1:1"),
    )  # fmt: skip


def test_draining_ends_with_the_session() -> None:
    drained = at(2_000, did(e.NodeDrained("n1:1", "root", "patch")))
    told = given(BEGUN, drained)
    told.shows(NODES, "draining drained_by drained_why", (True, "root", "patch"))
    told.shows(NODE_HISTORY, "what by_ why", ("REGISTERED", "dev", ""), ("DRAINED", "root", "patch"))
    nobody = (False, None, None)
    for back in (e.NodeUndrained("n1:1", "root"), died(), left(), registered(token=3)):
        given(BEGUN, drained, at(3_000, did(back))).shows(NODES, "draining drained_by drained_why", nobody)


def test_what_a_node_says_of_itself_changes() -> None:
    registration = c.Registration("h:1", "z9", (), 3, (c.Label("v", "2"),), 1_000)
    told = given(
        BEGUN,
        at(2_000, did(e.NodeChanged("n1:1", registration))),
        at(3_000, did(e.NodeChecked("n1:1", (c.Check("disk", "WARNING", "90 %"),)))),
    )
    told.shows(
        NODES, "address zone labels capacity metadata timeout_ms", ("h:1", "z9", "{}", 3, '{"v":"2"}', 1_000)
    )
    told.shows(NODES, "checks", '[{"health":"WARNING","name":"disk","output":"90 %"}]')
    told.shows(NODE_HISTORY, "what zone", ("REGISTERED", "z1"), ("CHANGED", "z9"), ("CHECKED", "z9"))


def test_what_concerns_another_session_changes_nothing() -> None:
    for event in (
        died("n1:7"),
        left("n1:7"),
        e.NodeDrained("n1:7", "root", ""),
        e.NodeSuspected("n1:7", EVIDENCE),
    ):
        given(BEGUN, at(2_000, did(event))).shows(NODES, "status draining event", ("ALIVE", False, 1))


def test_a_node_that_is_forgotten_is_gone_but_for_its_history() -> None:
    told = given(BEGUN, at(2_000, did(left())), at(3_000, due(e.NodeForgotten())))
    told.shows(NODES, "name")
    told.shows(
        NODE_HISTORY, "what status", ("REGISTERED", "ALIVE"), ("LEFT", "ENDED"), ("FORGOTTEN", "ENDED")
    )
    again = given(
        BEGUN, at(2_000, did(left())), at(3_000, due(e.NodeForgotten())), at(4_000, did(registered()))
    )
    again.shows(NODES, "name status registered_ms", ("n1", "ALIVE", 4_000))


def test_an_event_of_a_node_that_is_not_there_is_put_aside_wholly() -> None:
    told = spec()
    (accepted,) = commits(
        at(1_000, did(registered()), did(e.BrakePulled(1, 0, "root", ""), died("n3:1"), key="dev/n3"))
    )
    with pytest.raises(PoisonDecision, match="NodeDied of a node that is not there"):
        told.fold.commit(accepted)
    told.fold.commit(accepted, {0, 1})
    told.take()
    told.shows(NODES, "name", "n1")
    told.shows(BRAKES, "tenant")


def test_events_of_the_engine_are_no_business_of_rows() -> None:
    given(BEGUN, at(2_000, did(SessionEnded("n1:1", 9, "why")))).shows(NODES, "status", "ALIVE")


PULLED = at(
    1_000,
    did(
        e.MassFailureAlarmed(3, 4, 10_000, "SILENT", 9),
        e.BrakePulled(10, 5_010, "root", "3 of 4"),
        key=BRAKE,
    ),
)


def test_the_brake_is_pulled_with_an_alarm() -> None:
    told = given(PULLED)
    told.shows(
        BRAKES,
        "tenant pulled pulled_ms pulled_by cause release_ms",
        ("dev", True, 1_000, "root", "3 of 4", 6_000),
    )
    told.shows(BRAKES, "alarm", '{"at_ms":1000,"cause":"SILENT","dead":3,"of":4,"window_ms":10000}')
    told.shows(
        BRAKE_HISTORY,
        "event what by_ why pulled",
        (1, "ALARMED", "dev", "SILENT", False),
        (2, "PULLED", "root", "3 of 4", True),
    )


def test_a_released_brake_says_nothing_of_the_pull_and_keeps_the_alarm() -> None:
    told = given(PULLED, at(2_000, due(e.BrakeReleased("", "over", 9), key=BRAKE)))
    told.shows(BRAKES, "pulled pulled_ms pulled_by cause release_ms", (False, None, None, None, None))
    told.shows(
        BRAKE_HISTORY,
        "what by_ why",
        ("ALARMED", "dev", "SILENT"),
        ("PULLED", "root", "3 of 4"),
        ("RELEASED", "", "over"),
    )
    ((_, row),) = told.rows[BRAKES].items()
    assert row[BRAKES.columns.index("alarm")] is not None


def test_settings_of_the_brake_change_when_a_pulled_one_is_released() -> None:
    configured = did(e.BrakeConfigured(SETTINGS, 60_020), key=BRAKE)
    told = given(PULLED, at(2_000, configured))
    told.shows(
        BRAKES,
        "release_ms settings",
        (62_000, '{"armed":true,"auto_release_ms":60000,"fraction":50,"min_dead":3,"window_ms":10000}'),
    )
    given(at(2_000, configured)).shows(BRAKES, "pulled release_ms", (False, None))


def test_the_audit_is_without_heartbeats() -> None:
    told = spec(AUDIT)
    for accepted in commits(BEGUN, at(2_000, beat(), did(command="DrainNode"))):
        told.fold.commit(accepted)
        told.take()
    told.shows(AUDIT.tables[0], "name command", ("n1", "RegisterNode"), ("n1", "DrainNode"))
