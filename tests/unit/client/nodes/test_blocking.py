"""The blocking twin: the same node and services, from threads."""

import threading
from collections.abc import Iterator

import pytest

import tidelock
from tests.unit.client.nodes.server import KINDS, NodeWorker
from tests.unit.client.threaded import served
from tests.unit.client.worker import FakeClock
from tidelock.client.nodes.instance import Instance


@pytest.fixture
def worker() -> Iterator[NodeWorker]:
    with served(NodeWorker(FakeClock())) as worker:
        yield worker


@pytest.fixture
def client(worker: NodeWorker) -> Iterator[tidelock.sync.Client]:
    node = tidelock.Node("n1", address="10.0.0.1:80")
    with tidelock.sync.connect(worker.address, token="t", kinds=KINDS, node=node) as client:
        yield client


def test_a_blocking_client_is_a_node(client: tidelock.sync.Client, worker: NodeWorker) -> None:
    assert client.node.name == "n1"
    assert client.node.joined() == client.node.session == worker.state("n1").member.session
    assert client.node.expires_in() > 0


def test_a_service_is_offered_watched_and_looked_at(client: tidelock.sync.Client) -> None:
    service = client.service("api")
    watching = service.watch()
    assert next(watching) == ()
    with service.register(fall=1) as offer:
        assert [each.name for each in next(watching)] == ["n1"]
        offer.update(weight=3)
        assert not offer.report(False, "no")
        (seen,) = service.instances()
        assert (seen.weight, seen.healthy, seen.reason) == (3, False, "no")
    assert service.instances() == ()
    watching.close()  # type: ignore[attr-defined]


def test_a_service_is_called_on_the_callers_own_thread(client: tidelock.sync.Client) -> None:
    service, here = client.service("api"), threading.get_ident()
    called: list[str] = []

    def fn(instance: Instance) -> int:
        called.append(instance.name)
        if instance.name == "a":
            raise ConnectionRefusedError
        return threading.get_ident()

    with service.register("a"), service.register("b"):
        assert service.call(fn) == here
        assert called == ["a", "b"]

        def fail(instance: Instance) -> int:
            raise TimeoutError(instance.name)

        with pytest.raises(TimeoutError):
            service.call(fail)
        assert service.call(fail, fallback=lambda _: 0) == 0
    assert client.service("none").call(fn, fallback=lambda _: 0) == 0
    with pytest.raises(tidelock.errors.NoInstance):
        client.service("none").call(fn)
