"""Calling a service: another instance after a refusal, circuits, fallbacks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.unit.client.deciding import let_pass
from tests.unit.client.nodes.conftest import Join
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.nodes.breaker import BreakerTerms
from tidelock.client.nodes.instance import Instance
from tidelock.client.nodes.service import Service


@pytest.fixture
async def service(client: Client) -> AsyncIterator[Service]:
    """Three instances: two of our zone, one of another."""
    service = client.service("api")
    async with AsyncExitStack() as stack:
        for name, zone in (("a", "z1"), ("b", "z1"), ("c", "z2")):
            await stack.enter_async_context(service.register(name, zone=zone))
        yield service


class Servers:
    """Answers with the instance's name; those that are `down` refuse."""

    def __init__(self, *down: str) -> None:
        self.down = set(down)
        self.called: list[str] = []
        self.error: type[Exception] = ConnectionRefusedError

    async def __call__(self, instance: Instance) -> str:
        self.called.append(instance.name)
        if instance.name in self.down:
            raise self.error(instance.name)
        return instance.name


async def test_a_call_goes_to_the_own_zone_by_turns(service: Service) -> None:
    servers = Servers()
    assert [await service.call(servers) for _ in range(4)] == ["a", "b", "a", "b"]


async def test_a_key_has_its_instance(service: Service) -> None:
    assert len({await service.call(Servers(), key="k") for _ in range(5)}) == 1


async def test_a_refused_call_goes_to_another_instance_also_beyond_the_zone(service: Service) -> None:
    servers = Servers("a", "b")
    assert await service.call(servers) == "c"
    assert servers.called == ["a", "b", "c"]


async def test_what_may_have_been_executed_is_not_called_again_unless_allowed(service: Service) -> None:
    servers = Servers("a")
    servers.error = TimeoutError
    with pytest.raises(TimeoutError):
        await service.call(servers)
    assert servers.called == ["a"]
    caller = service.caller(retry_on=(TimeoutError,))
    assert await caller.call(servers) == "b"


async def test_attempts_are_bounded_and_the_last_error_is_told(service: Service) -> None:
    servers = Servers("a", "b", "c")
    with pytest.raises(ConnectionRefusedError, match="b"):
        await service.caller(attempts=2).call(servers)
    assert servers.called == ["a", "b"]
    with pytest.raises(ConnectionRefusedError, match="c"):
        await service.caller(attempts=9).call(servers)


async def test_retries_end_with_their_budget(service: Service) -> None:
    servers, failed = Servers("a", "b", "c"), 0
    caller = service.caller(retry_share=0.0, breaker=BreakerTerms(failures=1000))
    for _ in range(20):
        with pytest.raises(ConnectionRefusedError):
            await caller.call(servers)
        failed += 1
    assert len(servers.called) == failed + 10


async def test_a_fallback_takes_over_when_all_fail_or_none_is_there(service: Service, client: Client) -> None:
    told: list[Exception] = []

    async def stale(error: Exception) -> str:
        told.append(error)
        return "stale"

    assert await service.call(Servers("a", "b", "c"), fallback=stale) == "stale"
    assert await client.service("none").call(Servers(), fallback=lambda _: "nobody") == "nobody"
    assert isinstance(told[0], ConnectionRefusedError)
    with pytest.raises(errors.NoInstance) as none:
        await client.service("none").call(Servers())
    assert none.value.service == "none"


async def test_an_error_of_the_callers_own_is_raised_and_blames_nobody(service: Service) -> None:
    servers = Servers("a", "b")
    servers.error = KeyError
    caller = service.caller(
        is_failure=lambda error: not isinstance(error, KeyError), breaker=BreakerTerms(failures=1)
    )
    for _ in range(4):
        with pytest.raises(KeyError):
            await caller.call(servers, fallback=lambda _: "stale")
    assert servers.called == ["a", "b", "a", "b"]


async def test_a_circuit_opens_and_is_tried_again(service: Service, clock: FakeClock) -> None:
    servers = Servers("a")
    caller = service.caller(breaker=BreakerTerms(failures=2, open_s=5.0))
    for _ in range(8):
        assert await caller.call(servers) == "b"
    assert servers.called.count("a") == 2
    await let_pass(clock, 5)
    servers.down.clear()
    assert {await caller.call(servers) for _ in range(2)} == {"a", "b"}


async def test_a_cancelled_call_counts_for_nothing(service: Service) -> None:
    caller = service.caller(balance="least_calls", breaker=BreakerTerms(failures=1))

    async def hang(instance: Instance) -> None:
        await asyncio.Event().wait()

    calling = [asyncio.ensure_future(caller.call(hang)) for _ in range(4)]
    await until(lambda: sum(peer.open_calls for peer in caller._peers._known.values()) == 4)
    for each in calling:
        each.cancel()
    await asyncio.wait(calling)
    assert [peer.open_calls for peer in caller._peers._known.values()] == [0, 0, 0]
    assert await caller.call(Servers()) in {"a", "b"}


async def test_the_unhealthy_are_not_called_once_that_is_pushed(service: Service, client: Client) -> None:
    offer = next(each for each in client.node.offers if getattr(each, "name", "") == "a")
    for _ in range(3):
        await offer.report(False)  # type: ignore[attr-defined]
    watching = service.watch()
    while all(each.healthy for each in await anext(watching)):
        pass
    await watching.aclose()
    assert {await service.call(Servers()) for _ in range(4)} == {"b"}


async def test_a_client_that_is_no_node_calls_too(service: Service, join: Join) -> None:
    plain = await join(None)
    assert {await plain.service("api").call(Servers()) for _ in range(3)} == {"a", "b", "c"}


async def test_a_balance_that_there_is_not_is_refused(service: Service) -> None:
    with pytest.raises(errors.BadArgument, match="round_robin"):
        service.caller(balance="luck")
