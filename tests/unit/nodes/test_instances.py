"""Instances of a service: they come, change, fall ill, recover, and leave with their session."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import decider
from streams.domain.nodes import events as e
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.limits import MAX_INSTANCES, MAX_SERVICE_BYTES
from streams.domain.nodes.replies import HealthTaken, InstanceClosed, InstanceKept, SessionCleared
from streams.domain.nodes.service import NO_SERVICE
from streams.log.vocabulary import Vocabulary
from tests.unit.nodes.spec import SERVICE, SESSION, Spec, check, node, offer, offered, sealed, service, watch

NEXT = sealed("n1:5")
META = (c.Label("v", "2"),)


def update(weight: int = 7, version: int = 0) -> c.UpdateInstance:
    return c.UpdateInstance(SERVICE, "i1", weight, META, version)


def withdraw(instance: str = "i1") -> c.DeregisterInstance:
    return c.DeregisterInstance(SERVICE, instance)


def one() -> Spec:
    """A service with one instance, of version 1."""
    return service().when(offer())


def instances(spec: Spec) -> Any:
    return spec.state.instances  # type: ignore[union-attr]


def test_an_instance_is_offered() -> None:
    one().then(e.InstanceRegistered(offered(1))).answers(InstanceKept(1, changed=True)).due(None)


def test_offered_again_it_is_the_same() -> None:
    one().when(offer()).then().answers(InstanceKept(1, changed=False))
    changed = one().when(offer(zone="z2"))
    changed.then(e.InstanceRegistered(offered(2, zone="z2"))).answers(InstanceKept(2, changed=True))


def test_its_node_drains_and_it_stays_in_discovery_and_says_so() -> None:
    drained = one().when(watch(1), "w", 9).when(offer(draining=True))
    draining = offered(3, draining=True)
    drained.then(e.InstanceRegistered(draining), e.WatchEnded("alice", "client-w", "w", 9, 2, "CHANGED", 3))
    assert instances(drained) == {"i1": draining}
    assert instances(drained.when(update()))["i1"].draining is True
    assert instances(drained.when(check(False, 3)))["i1"].draining is True
    assert instances(drained.when(offer(), session=NEXT))["i1"].draining is False


def test_offered_again_it_is_as_healthy_as_it_was() -> None:
    ill = one().when(check(False, 3))
    ill.when(offer()).then().answers(InstanceKept(2, changed=False))
    assert instances(ill.when(offer(zone="z2")))["i1"].healthy is False
    assert instances(ill.when(offer(), session=NEXT))["i1"].healthy is True


def test_the_node_s_next_session_takes_it_over() -> None:
    spec = one().when(offer(), session=NEXT).then(e.InstanceRegistered(offered(2, session=NEXT)))
    spec.when(offer()).refuses("SESSION_ENDED", "registered since")
    spec.gone(SESSION).then().answers(SessionCleared(0))
    spec.when(withdraw()).then().answers(InstanceClosed(2, ended=False))


def test_nobody_else_takes_it() -> None:
    one().when(offer(), session=sealed("n2:9")).refuses("INSTANCE_TAKEN", SESSION)
    one().when(offer(), session=sealed("n1:5", "bob"), principal="bob").refuses("INSTANCE_TAKEN")


@pytest.mark.parametrize("session", [SESSION, "n1:1", SESSION + "x", SESSION.replace(":1", ":01")])
def test_nobody_offers_under_another_principal_s_session(session: str) -> None:
    """The service's partition knows no node: the seal tells it, whichever name the instance has."""
    service().when(offer(), session=session, principal="bob").refuses("NOT_YOURS", session, "RegisterNode")
    one().when(offer("i2"), session=session, principal="bob").refuses("NOT_YOURS")


def test_an_update_is_of_a_version() -> None:
    changed = e.InstanceUpdated("i1", 7, META, 2)
    spec = one().when(update(version=1)).then(changed).answers(InstanceKept(2, changed=True))
    spec.when(update(8, version=1)).refuses("VERSION_CONFLICT", "DiscoverInstances")
    spec.when(update(version=2)).then().answers(InstanceKept(2, changed=False))
    spec.when(update(8)).answers(InstanceKept(3, changed=True))
    spec.when(update(1_001)).refuses("BAD_ARGUMENT", "weight")
    spec.when(replace(update(), metadata=META * 2)).refuses("BAD_ARGUMENT", "metadata")


@pytest.mark.parametrize("command", [update(), check(False, 3)])
def test_only_the_session_speaks_of_its_instance(command: Any) -> None:
    service().when(command).refuses("INSTANCE_UNKNOWN", "RegisterInstance")
    one().when(command, session=sealed("n2:9")).refuses("NOT_YOURS", SESSION)
    one().when(command, principal="bob").refuses("NOT_YOURS", "alice")


def test_an_instance_falls_ill_and_recovers_by_itself() -> None:
    spec = one().when(check(False, 2)).then().answers(HealthTaken(healthy=True, needed=1))
    ill = spec.when(check(False, 3)).then(e.InstanceHealthChanged("i1", False, "r", 2))
    ill.answers(HealthTaken(healthy=False, needed=0))
    assert instances(ill)["i1"] == offered(2, healthy=False, reason="r")
    ill.when(check(False, 4)).then().answers(HealthTaken(healthy=False, needed=0))
    ill.when(check(True, 1)).then().answers(HealthTaken(healthy=False, needed=1))
    well = ill.when(check(True, 2)).then(e.InstanceHealthChanged("i1", True, "r", 3))
    well.answers(HealthTaken(healthy=True, needed=0)).when(check(True, 9)).then()
    one().when(check(True, 0)).refuses("BAD_ARGUMENT", "streak")
    one().when(check(False, 3, reason="x" * 201)).refuses("BAD_ARGUMENT", "reason")


def test_an_instance_may_have_to_prove_its_health_first() -> None:
    spec = service().when(offer(healthy=False))
    spec.when(check(True, 2)).answers(HealthTaken(healthy=True, needed=0))


def test_an_instance_leaves() -> None:
    left = one().when(withdraw()).then(e.InstancesLeft(SESSION, "DEREGISTERED", "", ("i1",), 2, "alice"))
    left.answers(InstanceClosed(0, ended=True))
    assert left.state is NO_SERVICE
    left.when(withdraw()).then().answers(InstanceClosed(0, ended=False))
    one().when(withdraw(), principal="bob").refuses("NOT_YOURS")


def test_an_operator_takes_an_instance_out_of_discovery_whoever_offers_it() -> None:
    spec = (
        one()
        .when(watch(1), "w", 9)
        .when(
            c.EvictInstance(SERVICE, "i1", "nonsense"),
            "op",
            principal="root",
            session="",
            roles=("OPERATOR",),
        )
    )
    left = e.InstancesLeft(SESSION, "EVICTED", "nonsense", ("i1",), 3, "root")
    spec.then(left, e.WatchEnded("alice", "client-w", "w", 9, 2, "CHANGED", 0))
    spec.answers(InstanceClosed(0, ended=True)).when(check(False, 3)).refuses("INSTANCE_UNKNOWN")
    spec.when(c.EvictInstance(SERVICE, "i1", "")).then().answers(InstanceClosed(0, ended=False))
    another = c.EvictInstance(SERVICE, "i1", "", sealed("n2:9"))
    one().when(another).then().answers(InstanceClosed(1, ended=False))
    one().when(c.EvictInstance(SERVICE, "i1", "x" * 501)).refuses("BAD_ARGUMENT", "why")
    one().when(c.EvictInstance(SERVICE, "", "")).refuses("BAD_ARGUMENT", "instance")


def test_instances_leave_with_their_session() -> None:
    spec = one().when(offer("i2"), session=sealed("n2:9")).when(offer("i3"))
    assert decider.sessions_of(spec.state) == (SESSION, sealed("n2:9"))
    gone = spec.gone(SESSION).then(e.InstancesLeft(SESSION, "SESSION_ENDED", "SILENT 9", ("i1", "i3"), 4))
    gone.answers(SessionCleared(2))
    assert list(instances(gone)) == ["i2"]
    gone.gone(SESSION).then().answers(SessionCleared(0))
    assert gone.gone(sealed("n2:9")).state is NO_SERVICE


def test_a_node_owns_nothing_by_its_own_session() -> None:
    assert decider.sessions_of(node().state) == ()
    node().gone(SESSION).then().answers(SessionCleared(0))


@pytest.mark.parametrize(
    "changed",
    [
        {"instance": ""},
        {"instance": "x" * 129},
        {"address": "x" * 257},
        {"zone": "\n"},
        {"weight": -1},
        {"weight": 1_001},
        {"metadata": META * 2},
        {"rise": 0},
        {"fall": 101},
    ],
)
def test_an_instance_has_bounds(changed: dict[str, Any]) -> None:
    service().when(replace(offer(), **changed)).refuses("BAD_ARGUMENT")


@pytest.mark.parametrize("command", [offer(), update(), check(False, 3), withdraw()])
def test_an_instance_is_spoken_for_under_a_session(command: Any) -> None:
    one().when(command, session="").refuses("NO_SESSION", "RegisterNode", "meta.session")
    for session in ("n1", ":5", "n1:x", "n1:²", "n" * 127 + ":1"):
        one().when(command, session=session).refuses("BAD_ARGUMENT", "meta.session")


@pytest.mark.parametrize("name", ["", "x" * 129, "\n"])
def test_a_service_has_a_name(name: str) -> None:
    spec = Spec(decider.initial(f"dev/service:{name}"), 0, 1, None)
    spec.when(replace(offer(), service=name)).refuses("BAD_ARGUMENT", "service")
    spec.when(c.DiscoverInstances(name)).refuses("BAD_ARGUMENT", "service")


def test_a_service_has_so_many_instances() -> None:
    spec = service()
    for number in range(MAX_INSTANCES):
        spec = spec.when(offer(f"i{number}"))
    spec.when(offer("one more")).refuses("SERVICE_FULL", "500 instances")
    spec.when(offer("i7", zone="z2")).answers(InstanceKept(501, changed=True))


def test_a_service_has_so_many_bytes() -> None:
    large, spec = (c.Label("x", "x" * 4_000),), service()
    while spec.number == len(instances(spec)) + 1:
        spec = spec.when(offer(f"i{spec.number}", metadata=large))
        if spec.decision.events == ():
            break
    spec.refuses("SERVICE_FULL", "metadata")
    assert 90 < len(instances(spec)) < 110
    small = spec.when(offer("small"))
    small.answers(InstanceKept(spec.number, changed=True))
    grown = c.UpdateInstance(SERVICE, "small", 1, large, 0)
    small.when(grown).refuses("SERVICE_FULL")


def test_the_bytes_are_counted_and_are_an_upper_bound() -> None:
    words = Vocabulary(NODES)
    spec = one().when(offer("é2", metadata=META)).when(update()).when(check(False, 3))
    event = words.encode_event(e.InstanceRegistered(instances(spec)["é2"]))
    both = e.InstanceRegistered(instances(spec)["i1"])
    assert len(event) + len(words.encode_event(both)) <= spec.state.bytes <= MAX_SERVICE_BYTES  # type: ignore[union-attr]
    left = spec.when(withdraw())
    assert left.state.bytes == service().when(offer("é2", metadata=META)).state.bytes  # type: ignore[union-attr]


def test_what_follows_from_the_end_of_a_session_fits_one_decision_or_waits_for_the_next() -> None:
    wide, spec, words = "\N{GOTHIC LETTER HWAIR}", service(), Vocabulary(NODES)
    for number in range(MAX_INSTANCES):
        spec = spec.when(offer(f"{number:03}" + wide * 125, address="", zone=""))
    for number in range(200):
        spec = spec.when(watch(MAX_INSTANCES), wide * 120, number, principal=wide * 128)
    gone = spec.gone(SESSION).answers(SessionCleared(MAX_INSTANCES)).due(0)
    assert 300_000 < sum(len(words.encode_event(event)) for event in gone.decision.events) < 480 * 1024
    while gone.state is not NO_SERVICE:
        gone = gone.due(0).tick()


def test_an_event_of_an_instance_that_is_not_there_is_of_another_log() -> None:
    with pytest.raises(LookupError):
        service().folds(e.InstanceUpdated("i1", 1, (), 1))
    with pytest.raises(LookupError):
        service().folds(e.WatchEnded("p", "c", "h", 1, 1, "CHANGED", 1))
