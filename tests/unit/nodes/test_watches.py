"""WatchService: who waits gets all instances in the commit of the change."""

from dataclasses import replace
from typing import Any

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.domain.nodes.joined import attached
from streams.domain.nodes.limits import MAX_EVENTS, MAX_WATCHING
from streams.domain.nodes.replies import ServiceInstances, ServiceWatched, Watching, WatchWithdrawn
from streams.domain.nodes.service import NO_SERVICE
from tests.unit.nodes.spec import SERVICE, SESSION, Spec, brake, check, node, offer, offered, service, watch

UPDATE = c.UpdateInstance(SERVICE, "i1", 7, (), 0)


def crowd(size: int) -> Spec:
    """One instance, of version 1, and so many that wait for another version."""
    spec = service().when(offer())
    for number in range(size):
        spec = spec.when(watch(1), "w", number)
    return spec


def test_a_version_that_is_not_the_known_one_is_answered_at_once() -> None:
    spec = service().when(offer())
    for known in (-1, 0, 7):
        spec.when(watch(known)).then().answers(ServiceWatched(1, changed=True))
    service().when(watch(-1)).answers(ServiceWatched(0, changed=True))


def test_to_look_takes_no_time() -> None:
    service().when(offer()).when(watch(1, 0)).then().answers(ServiceWatched(1, changed=False))


def test_whoever_knows_the_version_waits() -> None:
    spec = service().when(offer()).at(50).when(watch(1), "w", 9)
    spec.then(e.WatchStarted("alice", "client-w", "w", 9, 2, 1, 1_050)).due(1_050)
    spec.answers(Watching(2, 1), waiting=True)


def test_every_change_ends_the_waits_in_its_own_decision_first_come_first() -> None:
    spec = service().when(offer()).when(watch(1), "v", 5).when(watch(1), "w", 6)
    changes: list[Any] = [UPDATE, check(False, 3), offer("i2"), c.DeregisterInstance(SERVICE, "i1")]
    for change in changes:
        version = 0 if isinstance(change, c.DeregisterInstance) else 4
        told = spec.when(change).settles(("v", 5, (version, True)), ("w", 6, (version, True)))
        told.due(None)
    spec.gone(SESSION).settles(("v", 5, (0, True)), ("w", 6, (0, True)))


def test_what_is_no_change_ends_no_wait() -> None:
    crowd(1).when(offer()).settles().due(1_000)
    crowd(1).when(check(False, 1)).settles().due(1_000)


def test_a_service_without_instances_is_watched_too() -> None:
    spec = service().when(watch(0), "w", 2).answers(Watching(1, 0), waiting=True)
    spec.when(offer()).settles(("w", 2, (2, True)))
    assert spec.at(1_000).tick().settles(("w", 2, (0, False))).state is NO_SERVICE


def test_a_wait_ends_with_its_time() -> None:
    spec = crowd(2).at(999).tick().then()
    spec.at(1_000).tick().settles(("w", 0, (1, False)), ("w", 1, (1, False))).due(None)


def test_a_wait_is_withdrawn() -> None:
    spec = crowd(2).when(c.WithdrawWatch(SERVICE, 1), "w").answers(WatchWithdrawn())
    spec.settles(("w", 1, "WATCH_WITHDRAWN"))
    spec.when(c.WithdrawWatch(SERVICE, 1), "w").then().answers(WatchWithdrawn())
    spec.when(c.WithdrawWatch(SERVICE, 0), "v").then()
    spec.when(c.WithdrawWatch(SERVICE, 0), "w", principal="bob").then()


def test_many_are_told_in_several_decisions() -> None:
    spec, told = crowd(300).when(UPDATE), list[int]()
    while True:
        ended = [event for event in spec.decision.events if isinstance(event, e.WatchEnded)]
        assert 0 < len(ended) <= MAX_EVENTS
        told += [event.sequence for event in ended]
        if not spec.state.watches:  # type: ignore[union-attr]
            break
        spec = spec.due(0).tick()
    assert told == list(range(300))


def test_what_goes_out_at_once_is_bounded() -> None:
    spec = service()
    for number in range(90):
        spec = spec.when(offer(f"i{number}", metadata=(c.Label("x", "x" * 4_000),)))
    for number in range(20):
        spec = spec.when(watch(90), "w", number)
    spec = spec.when(offer("i0"))
    assert len(spec.decision.events) == 1 + 6
    assert spec.due(0).tick().decision.events[0].sequence == 6  # type: ignore[union-attr]


def test_so_many_may_wait() -> None:
    spec = crowd(MAX_WATCHING).when(watch(1), "one more")
    spec.refuses("TOO_MANY_WATCHING", "1000", "share")
    assert spec.reply.retry_after_ms == 5_000
    spec.when(watch(0)).answers(ServiceWatched(1, changed=True))


def test_a_wait_has_bounds() -> None:
    service().when(watch(0, -1)).refuses("BAD_ARGUMENT", "wait_ms")
    service().when(watch(0, 600_001)).refuses("BAD_ARGUMENT", "wait_ms")


def test_no_version_stands_for_two_contents() -> None:
    spec = service().when(offer())
    gone = spec.gone(SESSION)
    assert gone.when(offer(zone="z2")).reply.version == 3
    waits = gone.when(watch(0), "w", 1).when(offer("i2"))
    waits.settles(("w", 1, (4, True)))


def test_instances_come_with_the_answers_that_announce_them() -> None:
    spec = service().when(offer()).when(offer("i2")).when(c.DiscoverInstances(SERVICE))
    spec.then().answers(ServiceWatched(2, changed=True))
    all_of_them = ServiceInstances(2, (offered(1), offered(2, "i2")))
    assert attached(spec.state, spec.reply) == (all_of_them,)
    assert attached(spec.state, replace(spec.reply, changed=False)) == ()
    assert attached(spec.state, Watching(1, 2)) == ()
    assert attached(service().state, ServiceWatched(0, changed=True)) == (ServiceInstances(0, ()),)
    assert attached(node().state, node().reply) == attached(brake().state, None) == ()
