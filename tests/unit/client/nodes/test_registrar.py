"""A process of ours as a node: quietly, as far as it can be had, and never in the way of what the process is for."""

import asyncio
import ssl

import pytest

from streams.domain.decider import Rejected
from streams.domain.nodes.commands import Label, RegisterNode
from streams.domain.nodes.events import InstanceHealthChanged, InstanceRegistered, NodeLeft, NodeRegistered
from streams.domain.nodes.names import PLATFORM
from tests.unit.client.nodes.server import NodeWorker
from tests.unit.client.worker import until
from tidelock import registrar
from tidelock.client.errors import BadArgument
from tidelock.registrar import CpuLoad, OwnProcess, RegistrarSettings, registered


def own(ready: bool = True, name: str = "api-0") -> OwnProcess:
    return OwnProcess("api", name, "10.0.0.1:80", lambda: ready)


def told(worker: NodeWorker, *, on: bool = True) -> RegistrarSettings:
    return RegistrarSettings(workers=worker.address, register_self=on, token="t")


async def test_it_is_a_node_and_offers_its_role_until_it_ends(worker: NodeWorker) -> None:
    async with registered(own(), told(worker)):
        await until(lambda: bool(worker.happened(InstanceRegistered)))
    (joined,), (offered,) = worker.happened(NodeRegistered), worker.happened(InstanceRegistered)
    assert (joined.name, joined.registration.address) == ("api-0", "10.0.0.1:80")
    assert Label("role", "api") in joined.registration.labels
    assert Label(PLATFORM, "true") in joined.registration.labels
    assert (offered.instance.instance, offered.instance.healthy) == ("api-0", True)
    await until(lambda: [left.cause for left in worker.happened(NodeLeft)] == ["LEFT"])


async def test_its_health_is_what_its_ready_says(worker: NodeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrar, "REPORT_S", 0.01)
    ready = [False]
    async with registered(OwnProcess("api", "a", "", lambda: ready[0]), told(worker)):
        await until(lambda: bool(worker.happened(InstanceRegistered)))
        assert worker.happened(InstanceRegistered)[0].instance.healthy is False
        ready[0] = True
        await until(lambda: bool(worker.happened(InstanceHealthChanged)))
        assert worker.happened(InstanceHealthChanged)[0].healthy


async def test_switched_off_it_is_none(worker: NodeWorker) -> None:
    for settings in (None, told(worker, on=False)):
        async with registered(own(), settings):
            assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "registrar"] == []
    assert worker.connections == []


async def test_where_nobody_answers_the_process_begins_and_ends_all_the_same() -> None:
    settings = RegistrarSettings(workers="127.0.0.1:1")
    async with registered(own(), settings):
        await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "registrar"] == []


async def test_who_may_be_no_node_stops_trying(worker: NodeWorker) -> None:
    worker.refuse[RegisterNode] = Rejected("FORBIDDEN", "not this one")
    async with registered(own(), told(worker)):
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "registrar"]
        await asyncio.wait([task], timeout=10)
        assert task.done() and task.exception() is None
    assert worker.happened(NodeRegistered) == []


async def test_it_connects_as_it_is_told(worker: NodeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    used, tls = list[object](), ssl.create_default_context()

    def connect(*addresses: str, **options: object) -> None:
        used.append(options["tls"])
        raise BadArgument("enough")

    monkeypatch.setattr(registrar, "connect", connect)
    async with registered(own(), told(worker), tls):
        await until(lambda: used == [tls])


async def test_of_two_by_one_name_the_later_has_it(
    worker: NodeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrar, "REPORT_S", 0.01)
    monkeypatch.setattr(registrar, "FIRST_PAUSE_S", 0.01)
    async with registered(own(), told(worker)):
        await until(lambda: len(worker.happened(NodeRegistered)) == 1)
        async with registered(own(), told(worker)):
            await until(lambda: len(worker.happened(NodeRegistered)) == 2)
            await until(lambda: sum(isinstance(each, RegisterNode) for each in worker.seen) >= 4)
            assert len(worker.happened(NodeRegistered)) == 2
            assert [left.cause for left in worker.happened(NodeLeft)] == ["REPLACED"]


@pytest.mark.parametrize(
    ("name", "node"),
    [("api-0", "api-0"), ("host", "api-host"), ("a:b\n", "api-a-b-"), ("x" * 200, "api-" + "x" * 96)],
)
def test_the_names_of_nodes(name: str, node: str) -> None:
    assert own(name=name).node == node


def test_a_worker_speaks_to_itself_first() -> None:
    settings = RegistrarSettings(workers="b:1, c:2", system_token="s", token="t")
    assert settings.beginning_at("b:1").addresses == ("b:1", "c:2")
    assert settings.beginning_at("a:0").addresses == ("a:0", "b:1", "c:2")
    assert RegistrarSettings(workers="").beginning_at("a:0").addresses == ("a:0",)
    assert (settings.shown_token, RegistrarSettings(system_token="", token="t").shown_token) == ("s", "t")


def test_load_is_what_the_processor_was_used() -> None:
    load = CpuLoad()
    assert 0 <= load() <= 10_000
