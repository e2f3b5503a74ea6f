"""The read model `nodes`: services and their instances."""

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.projections.nodes.tables import INSTANCE_HISTORY, SERVICE_INSTANCES, SERVICES
from streams.projections.projection import PoisonDecision
from tests.unit.nodes.spec import sealed
from tests.unit.projections.nodes.spec import SERVICE, at, commits, did, given, gone, offer, spec

BEGUN = at(1_000, did(offer(1), key=SERVICE))
NUMBERS = "name version instance_count healthy_count draining_count"


def test_an_instance_is_offered() -> None:
    told = given(BEGUN)
    told.shows(SERVICES, NUMBERS, ("pay", 1, 1, 1, 0))
    told.shows(
        SERVICE_INSTANCES,
        "service instance session zone weight healthy draining event since_ms",
        ("pay", "i1", sealed("n1:1"), "z1", 100, True, False, 1, 1_000),
    )
    told.shows(
        INSTANCE_HISTORY, "event part instance what spell keyframe", (1, 0, "i1", "REGISTERED", 1, None)
    )


def test_what_changes_of_an_instance() -> None:
    told = given(
        BEGUN,
        at(2_000, did(e.InstanceUpdated("i1", 7, (c.Label("v", "2"),), 2), key=SERVICE)),
        at(3_000, did(e.InstanceHealthChanged("i1", False, "slow", 3), key=SERVICE)),
        at(4_000, did(offer(4, healthy=False, reason="slow", draining=True), key=SERVICE)),
    )
    told.shows(SERVICES, NUMBERS, ("pay", 4, 1, 0, 1))
    told.shows(
        SERVICE_INSTANCES,
        "healthy reason draining version since_ms changed_ms",
        (False, "slow", True, 4, 1_000, 4_000),
    )
    told.shows(
        INSTANCE_HISTORY,
        "event what weight healthy spell",
        (1, "REGISTERED", 100, True, 1),
        (2, "UPDATED", 7, True, 2),
        (3, "UNHEALTHY", 7, False, 3),
        (4, "DRAINED", 100, False, 4),
    )


def test_offered_otherwise_and_taken_over() -> None:
    told = given(
        at(1_000, did(offer(1, draining=True), offer(2), key=SERVICE)),
        at(2_000, did(offer(3, zone="z2"), key=SERVICE)),
        at(3_000, did(offer(4, session="n1:9", healthy=True), key=SERVICE)),
        at(4_000, did(e.InstanceHealthChanged("i1", True, "", 5), key=SERVICE)),
    )
    told.shows(
        INSTANCE_HISTORY,
        "what since_ms",
        ("REGISTERED", 1_000),
        ("UNDRAINED", 1_000),
        ("CHANGED", 1_000),
        ("REGISTERED", 3_000),
        ("HEALTHY", 3_000),
    )


def test_instances_leave_together_and_a_service_without_any_is_gone() -> None:
    told = given(
        at(1_000, did(offer(1), offer(2, "i2"), offer(3, "i3"), key=SERVICE)),
        at(2_000, did(gone(4, "i1", "i3"), key=SERVICE)),
    )
    told.shows(SERVICES, NUMBERS, ("pay", 4, 1, 1, 0))
    told.shows(SERVICE_INSTANCES, "instance", "i2")
    told.shows(
        INSTANCE_HISTORY, "event part instance what cause why version spell",
        *[(number, 0, f"i{number}", "REGISTERED", None, None, number, number) for number in (1, 2, 3)],
        (4, 0, "i1", "LEFT", "SESSION_ENDED", "SILENT 9", 4, 4),
        (4, 1, "i3", "LEFT", "SESSION_ENDED", "SILENT 9", 4, 5),
    )  # fmt: skip
    empty = given(BEGUN, at(2_000, did(gone(2, "i1"), key=SERVICE)))
    empty.shows(SERVICES, "name")
    empty.shows(SERVICE_INSTANCES, "instance")
    again = given(BEGUN, at(2_000, did(gone(2, "i1"), key=SERVICE)), at(3_000, did(offer(3), key=SERVICE)))
    again.shows(SERVICES, "version since_ms spells", (3, 3_000, 1))


def test_every_64th_row_names_all_that_are_there() -> None:
    updates = [did(e.InstanceUpdated("i1", number % 9, (), number), key=SERVICE) for number in range(3, 65)]
    told = given(at(1_000, did(offer(1), offer(2, "i2"), key=SERVICE)), at(2_000, *updates))
    keyframes = [
        row[INSTANCE_HISTORY.columns.index("keyframe")] for row in told.rows[INSTANCE_HISTORY].values()
    ]
    assert keyframes == [*[None] * 63, (2, 64)]


def test_watches_are_no_business_of_rows() -> None:
    told = given(at(1_000, did(e.WatchStarted("p", "c", "h", 1, 2, 0, 4), key=SERVICE)))
    told.shows(SERVICES, "name")


def test_what_names_an_instance_that_is_not_there_is_put_aside_wholly() -> None:
    told = spec()
    (accepted,) = commits(
        at(1_000, did(offer(1), key=SERVICE), did(offer(2, "i2"), gone(3, "i2", "i9"), key=SERVICE))
    )
    with pytest.raises(PoisonDecision):
        told.fold.commit(accepted)
    told.fold.commit(accepted, {0, 1})
    told.take()
    told.shows(SERVICE_INSTANCES, "instance", "i1")
    told.shows(SERVICES, NUMBERS, ("pay", 1, 1, 1, 0))
