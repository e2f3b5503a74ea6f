"""The lock workload: N clients, each with a slice of a trace and many requests in flight."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ssl import SSLContext
from time import perf_counter

import tidelock
from tidelock.client.client import Client
from tidelock.client.errors import TidelockError
from tidelock.workload.figures import Durations
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import Request


@dataclass(frozen=True, slots=True)
class Plan:
    """How a trace is replayed."""

    clients: int = 8
    in_flight: int = 32
    """Requests that one client has under way."""
    ttl_s: float = 30.0
    wait_s: float = 300.0


@dataclass(slots=True)
class Outcome:
    """What a replay measured."""

    served: int = 0
    locks: int = 0
    seconds: float = 0.0
    acquire: Durations = field(default_factory=Durations)
    """From asking for a request's locks until all are held, waits for others included."""
    release: Durations = field(default_factory=Durations)
    errors: Counter[str] = field(default_factory=Counter)


async def replay(
    workers: Sequence[str],
    token: str,
    requests: Sequence[Request],
    plan: Plan,
    recorder: Recorder,
    progress: Callable[[int], None],
    tls: SSLContext | None = None,
) -> Outcome:
    """Work all `requests` through real clients, unpaced. Raises `ConnectionLost`, `NotAuthenticated`."""
    outcome = Outcome()
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                tidelock.connect(*workers, token=token, tls=tls, on_answers=recorder.hear)
            )
            for _ in range(plan.clients)
        ]
        for client in clients:
            recorder.clients.add(client.id)
        began = perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number, client in enumerate(clients):
                slice_ = iter(requests[number :: plan.clients])
                for _ in range(plan.in_flight):
                    tasks.create_task(_work(client, slice_, plan, outcome, progress))
        outcome.seconds = perf_counter() - began
    return outcome


async def _work(
    client: Client, requests: Iterator[Request], plan: Plan, outcome: Outcome, progress: Callable[[int], None]
) -> None:
    for request in requests:
        try:
            await _serve(client, request, plan, outcome)
        except TidelockError as error:
            outcome.errors[error.code] += 1
        else:
            outcome.served += 1
            outcome.locks += len(request.names)
        progress(1)


async def _serve(client: Client, request: Request, plan: Plan, outcome: Outcome) -> None:
    names, shared = request.names, request.shared
    began = perf_counter()
    if len(names) == 1:
        async with client.lock(names[0], shared=shared, ttl=plan.ttl_s, wait=plan.wait_s):
            held = perf_counter()
    else:
        async with client.acquire_all(names, shared=shared, ttl=plan.ttl_s, wait=plan.wait_s):
            held = perf_counter()
    outcome.acquire.add(held - began)
    outcome.release.add(perf_counter() - held)
