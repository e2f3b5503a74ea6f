"""Offering a service, looking at it, and watching it."""

import asyncio

import pytest

from streams.domain.decider import Rejected
from streams.domain.nodes.commands import (
    DeregisterInstance,
    RegisterInstance,
    RegisterNode,
    ReportHealth,
    WatchService,
    WithdrawWatch,
)
from streams.domain.nodes.events import InstanceHealthChanged
from tests.unit.client.deciding import let_pass
from tests.unit.client.nodes.conftest import Join
from tests.unit.client.nodes.server import NodeWorker
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.nodes.service import Service


def names(instances: object) -> list[str]:
    assert isinstance(instances, tuple)
    return [each.name for each in instances]


async def test_an_offer_is_there_for_its_block(client: Client, other: Client) -> None:
    service = other.service("api")
    async with client.service("api").register(weight=7, metadata={"v": "2"}) as offer:
        (seen,) = await service.instances()
        assert (seen.name, seen.address, seen.zone, seen.weight) == ("n1", "10.0.0.1:80", "z1", 7)
        assert (seen.metadata, seen.healthy, seen.node, seen.service) == ({"v": "2"}, True, "n1", "api")
        assert offer.healthy
    assert await service.instances() == ()


async def test_several_offers_of_one_node_have_names_of_their_own(client: Client) -> None:
    service = client.service("api")
    async with service.register("b", address="h:2", zone="zz"), service.register("a"):
        seen = await service.instances()
        assert [(each.name, each.address, each.zone) for each in seen] == [
            ("a", "10.0.0.1:80", "z1"), ("b", "h:2", "zz"),
        ]  # fmt: skip


async def test_an_offer_that_is_answered_when_the_next_session_has_begun_is_of_that_one(
    client: Client, other: Client, worker: NodeWorker
) -> None:
    before = client.node.session or ""
    worker.held = (RegisterInstance,)
    opening = asyncio.create_task(client.service("api").register().open())
    await until(lambda: worker.of(RegisterInstance) != [])
    worker.ended.add(before)
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    await until(lambda: client.node.session not in (None, before))
    worker.ended.clear()  # the service's partition has not been told yet
    worker.let()
    await opening
    (seen,) = await other.service("api").instances()
    assert seen.session == client.node.session


async def test_another_nodes_instance_is_not_taken(client: Client, other: Client) -> None:
    async with client.service("api").register("i"):
        with pytest.raises(errors.InstanceTaken) as told:
            await other.service("api").register("i").open()
        assert told.value.service == "api"


async def test_only_a_node_offers(join: Join) -> None:
    client = await join(None)
    with pytest.raises(errors.BadArgument, match="node="):
        client.service("api").register()


async def test_checks_in_a_row_take_it_away_and_bring_it_back(client: Client, worker: NodeWorker) -> None:
    async with client.service("api").register(rise=2, fall=3) as offer:
        outcomes = (True, False, False, True, False, False, False, False, True, False, True, True, True)
        reports = [await offer.report(passing, "why\n") for passing in outcomes]
        assert reports == [True] * 6 + [False] * 5 + [True] * 2
        changed = worker.happened(InstanceHealthChanged)
        assert [(each.healthy, each.reason) for each in changed] == [(False, "why "), (True, "why ")]
        assert len(worker.of(ReportHealth)) == 2, "nothing is sent that changes nothing"


async def test_a_report_that_was_not_answered_is_made_again(client: Client, worker: NodeWorker) -> None:
    async with client.service("api").register(fall=1) as offer:
        worker.refuse = {ReportHealth: Rejected("INTERNAL", "oops")}
        with pytest.raises(errors.InternalError):
            await offer.report(False)
        worker.refuse = {}
        assert not await offer.report(False)


async def test_weight_and_metadata_change(client: Client) -> None:
    service = client.service("api")
    async with service.register(weight=5, metadata={"a": "1"}) as offer:
        await offer.update(weight=0)
        (seen,) = await service.instances()
        assert (seen.weight, seen.metadata) == (0, {"a": "1"})
        await offer.update(metadata={})
        (seen,) = await service.instances()
        assert (seen.weight, seen.metadata) == (0, {})


async def test_the_next_session_offers_again_what_is_offered_as_it_was(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    service = client.service("api")
    offer = await service.register(weight=5, fall=1).open()
    await offer.update(weight=3)
    await offer.report(False)
    before = client.node.session or ""
    worker.end_session(before)
    assert await service.instances() == ()
    with pytest.raises(errors.SessionEnded):
        await client.inspect("a")
    await until(lambda: len(worker.of(RegisterInstance)) == 2)
    (seen,) = await service.instances()
    assert (seen.weight, seen.healthy, seen.session) == (3, False, client.node.session)


async def test_an_offer_that_somebody_took_meanwhile_holds_up_no_other(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    async with client.service("api").register("i"), client.service("web").register("i"):
        worker.refuse = {RegisterNode: Rejected("NODE_FLAPPING", "later", (), 1_000)}
        worker.end_session(client.node.session or "")
        with pytest.raises(errors.SessionEnded):
            await client.inspect("a")
        async with other.service("api").register("i"):
            worker.refuse = {}
            await let_pass(clock, 5)
            (taken,), (back,) = [await other.service(name).instances() for name in ("api", "web")]
            assert (taken.node, back.node) == ("n2", "n1")
        await let_pass(clock, 12)
        (back,) = await other.service("api").instances()
        assert back.node == "n1"


async def test_a_client_that_closes_offers_nothing_any_more(client: Client, other: Client) -> None:
    async with client.service("api").register():
        await client.close()
        assert await other.service("api").instances() == ()


async def test_leaving_the_block_of_a_session_that_ended_is_no_error(
    client: Client, worker: NodeWorker
) -> None:
    async with client.service("api").register():
        worker.ended.add(client.node.session or "")
    assert len(worker.of(DeregisterInstance)) == 1


async def test_an_error_of_the_block_matters_more_than_one_of_leaving(
    client: Client, worker: NodeWorker
) -> None:
    worker.refuse = {DeregisterInstance: Rejected("INTERNAL", "oops")}
    with pytest.raises(KeyError):
        async with client.service("api").register():
            raise KeyError
    with pytest.raises(errors.InternalError):
        async with client.service("api").register():
            pass


async def test_who_watches_is_told_of_every_change_and_nothing_is_polled(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    watching = other.service("api").watch()
    assert await anext(watching) == ()
    changed = asyncio.ensure_future(anext(watching))
    await let_pass(clock, 30)
    assert len(worker.of(WatchService)) == 2
    async with client.service("api").register():
        assert names(await changed) == ["n1"]
    assert await anext(watching) == ()
    await watching.aclose()


async def test_a_wait_that_ends_without_a_change_goes_on(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    watching = other.service("api").watch()
    await anext(watching)
    changed = asyncio.ensure_future(anext(watching))
    await let_pass(clock, 150)
    assert not changed.done()
    assert len(worker.of(WatchService)) == 4
    async with client.service("api").register():
        assert names(await changed) == ["n1"]
    await watching.aclose()


async def test_all_watchers_of_a_client_share_one_watch(client: Client, worker: NodeWorker) -> None:
    first, second = client.service("api").watch(), client.service("api").watch()
    assert await anext(first) == await anext(second) == ()
    await until(lambda: len(worker.of(WatchService)) == 2)
    async with client.service("api").register():
        assert names(await anext(first)) == names(await anext(second)) == ["n1"]
    assert len(worker.of(WatchService)) <= 4
    await first.aclose()
    await second.aclose()


async def test_a_slow_watcher_gets_the_newest_only(client: Client) -> None:
    service = client.service("api")
    watching = service.watch()
    await anext(watching)
    async with service.register("a"), service.register("b"):
        await until(lambda: service._watched._instances is not None and len(service._watched._instances) == 2)
        assert names(await anext(watching)) == ["a", "b"]
    await watching.aclose()


async def test_a_watch_survives_the_connection_and_the_session(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    watching = other.service("api").watch()
    await anext(watching)
    changed = asyncio.ensure_future(anext(watching))
    await until(lambda: len(worker.of(WatchService)) == 2)
    worker.forget()
    worker.ended.add(other.node.session or "")
    await let_pass(clock, 3)
    async with client.service("api").register():
        await until(changed.done, clock)
        assert names(changed.result()) == ["n1"]
    await watching.aclose()


async def test_where_too_many_watch_it_asks_again_when_it_may(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    worker.refuse = {WatchService: Rejected("TOO_MANY_WATCHING", "full", (("service", "api"),), 5000)}
    first = asyncio.ensure_future(anext(client.service("api").watch()))
    await let_pass(clock, 4.9)
    assert len(worker.of(WatchService)) == 1
    worker.refuse = {}
    await until(first.done, clock)
    assert first.result() == ()
    assert len(worker.of(WatchService)) <= 3


async def test_what_cannot_be_watched_is_said(client: Client, worker: NodeWorker) -> None:
    with pytest.raises(errors.BadArgument):
        await anext(client.service("").watch())
    with pytest.raises(errors.BadArgument):
        await client.service("\n").instances()


async def test_an_unused_watch_ends_and_begins_anew(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    service: Service = client.service("api")
    watching = service.watch()
    await anext(watching)
    await watching.aclose()
    await let_pass(clock, 125)
    assert service._watched._task is None
    asked = len(worker.of(WatchService))
    await let_pass(clock, 100)
    assert len(worker.of(WatchService)) == asked
    async with service.register():
        watching = service.watch()
        assert names(await anext(watching)) == ["n1"]
        await watching.aclose()


async def test_closing_ends_the_watch_and_withdraws_it(client: Client, worker: NodeWorker) -> None:
    watching = client.service("api").watch()
    await anext(watching)
    changed = asyncio.ensure_future(anext(watching))
    await until(lambda: len(worker.of(WatchService)) == 2)
    await client.close()
    with pytest.raises(errors.ClientClosed):
        await changed
    assert len(worker.of(WithdrawWatch)) == 1
