"""`tidelock workload`: real clients at work, and the proof from the log."""

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop

from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.tls import client_tls
from tidelock.cli.workload_cache import cache_facts, cache_view, run_cache
from tidelock.cli.workload_queue import queue_facts, queue_view, run_queue
from tidelock.cli.workload_run import run_locks
from tidelock.cli.workload_view import as_facts, workload_view
from tidelock.client.caches.terms import Keep
from tidelock.workload.cache_plan import CachePlan
from tidelock.workload.demo import Demo
from tidelock.workload.locks import Plan
from tidelock.workload.queue_plan import QueuePlan
from tidelock.workload.trace import TraceProblem, read_ios, read_trace

workload_app = typer.Typer(
    help="Put real clients to work, and prove from the log what came of it.", no_args_is_help=True,
    pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

SUMMARY_S = 1.0


@workload_app.command("locks")
def locks(
    trace: Annotated[Path, typer.Option(help="CSV: version,time,op,size,lbn; op 28 reads, 2a writes.")],
    clients: Annotated[int, typer.Option("--clients", "-n", min=1, help="Client connections.")] = 8,
    in_flight: Annotated[int, typer.Option(min=1, help="Requests under way, each client.")] = 32,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many requests.")] = None,
    ttl: Annotated[float, typer.Option(min=0.1, max=86_400, help="Length of the leases, s.")] = 30.0,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Replay a block I/O trace as locks, as fast as it goes, and prove from the log that nothing went wrong.

    A read takes a shared lock, a write an exclusive one, on each extent of 2,048 blocks that it touches, in the order
    of their names. At the end the logs are verified from their first record, and every answer that any client got is
    looked up in them, byte for byte. Exit code 1 if anything is not proved.

    Example: [green]tidelock workload locks --trace cloudPhysicsIO.csv --clients 8[/]
    """
    running = find(home)
    try:
        requests = read_trace(trace, limit)
    except TraceProblem as problem:
        raise WrongUse(str(problem)) from problem
    run = uvloop.run(run_locks(running, requests, Plan(clients, in_flight, ttl), quiet=json))
    if json:
        show.as_json(as_facts(run))
    else:
        show.out.print(workload_view(run))
    raise typer.Exit(exits.OK if run.ok else exits.NO)


@workload_app.command("queue")
def queue(
    trace: Annotated[Path, typer.Option(help="CSV: version,time,op,size,lbn; lbn is the group.")],
    producers: Annotated[int, typer.Option(min=1, max=100, help="Producers, each with a connection.")] = 2,
    in_flight: Annotated[int, typer.Option(min=1, help="Puts under way, each producer.")] = 256,
    consumers: Annotated[int, typer.Option(min=1, max=100, help="Consumers, each with a connection.")] = 4,
    prefetch: Annotated[int, typer.Option(min=1, max=10_000, help="Messages leased, each consumer.")] = 256,
    shards: Annotated[
        int | None, typer.Option(min=1, max=64, help="Of a queue that is not there yet. Default: 4.")
    ] = None,
    name: Annotated[
        str, typer.Option("--queue", help="The queue; made if it is not there.")
    ] = "workload/trace",
    fail: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the handlers that fail.")] = 0.01,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many requests.")] = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Put a block I/O trace as messages, as fast as it goes, handle them, and prove that nothing went wrong.

    Each request is a message, its first block the group. Which handlers fail depends on the message and the attempt
    alone. At the end the logs are verified from their first record and compared with what the producers and consumers
    wrote down: nothing was lost, nothing acknowledged came back, every group was in order. Others must not read the
    queue meanwhile. Exit code 1 if anything is not proved.

    Example: [green]tidelock workload queue --trace cloudPhysicsIO.csv --consumers 8[/]
    """
    running = find(home)
    try:
        ios = read_ios(trace, limit)
    except TraceProblem as problem:
        raise WrongUse(str(problem)) from problem
    plan = QueuePlan(name, producers, in_flight, consumers, prefetch, shards, fail)
    ran = uvloop.run(run_queue(running, ios, plan, quiet=json))
    if json:
        show.as_json(queue_facts(ran))
    else:
        show.out.print(queue_view(ran))
    raise typer.Exit(exits.OK if ran.ok else exits.NO)


class CacheModes(StrEnum):
    """Of caches."""

    strict = "strict"
    relaxed = "relaxed"


class Keeps(StrEnum):
    """The line that a node keeps of what it writes."""

    exclusive = "exclusive"
    modified = "modified"
    invalid = "invalid"


_KEEPS: Final[dict[Keeps, Keep]] = {
    Keeps.exclusive: "EXCLUSIVE",
    Keeps.modified: "MODIFIED",
    Keeps.invalid: "INVALID",
}


@workload_app.command("cache")
def cache(
    trace: Annotated[Path, typer.Option(help="CSV: version,time,op,size,lbn; op 28 reads, 2a writes.")],
    nodes: Annotated[
        int, typer.Option("--nodes", "-n", min=1, max=100, help="Nodes, each a client with its lines.")
    ] = 4,
    mode: Annotated[CacheModes, typer.Option(help="Of the cache.")] = CacheModes.strict,
    keep: Annotated[Keeps, typer.Option(help="The line kept of what is written.")] = Keeps.exclusive,
    in_flight: Annotated[int, typer.Option(min=1, help="Requests under way, each node.")] = 32,
    lines: Annotated[int, typer.Option(min=0, help="Entries that one node keeps.")] = 10_000,
    shards: Annotated[int, typer.Option(min=1, max=64, help="Of a cache that is not there yet.")] = 4,
    name: Annotated[
        str | None, typer.Option("--cache", help="The cache; made if it is not there. Default: one a mode.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many requests.")] = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Read and write a block I/O trace through a cache from several nodes, and prove that no read was stale.

    A request is of the 4 KiB page in which it begins; what is missing is loaded. The next request is the next node's.
    At the end the logs are verified from their first record, and what the nodes read and wrote, hits among it, is held
    against them: in a strict cache no value was stale, and no write was lost. Exit code 1 if anything is not proved.

    Example: [green]tidelock workload cache --trace cloudPhysicsIO.csv --nodes 4[/]
    """
    running = find(home)
    try:
        ios = read_ios(trace, limit)
    except TraceProblem as problem:
        raise WrongUse(str(problem)) from problem
    plan = CachePlan(
        name or f"workload/{mode.value}", nodes, in_flight, "STRICT" if mode is CacheModes.strict else "RELAXED",
        _KEEPS[keep], lines, shards,
    )  # fmt: skip
    ran = uvloop.run(run_cache(running, ios, plan, quiet=json))
    if json:
        show.as_json(cache_facts(ran))
    else:
        show.out.print(cache_view(ran))
    raise typer.Exit(exits.OK if ran.ok else exits.NO)


@workload_app.command("demo")
def demo(
    clients: Annotated[int, typer.Option("--clients", "-n", min=1, help="Clients that lock.")] = 5,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="End after so long. Default: at Ctrl-C.")
    ] = None,
    home: options.Home = options.HOME,
) -> None:
    """Let some clients contend for a few locks and others work off a queue, at a walking pace: something to see.

    This is what `tidelock up` runs unless told not to. Watch it: `tidelock log tail --follow`.

    Example: [green]tidelock workload demo --clients 10 --seconds 60[/]
    """
    running = find(home)
    one = Demo(running.need_workers(), running.token, clients, client_tls())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_demo(one, seconds))
    show.say(one.summary())


async def _demo(one: Demo, seconds: float | None) -> None:
    working = asyncio.create_task(one.run())
    with show.err.status("starting") as line:
        telling = asyncio.create_task(_tell(one, line.update))
        try:
            await asyncio.wait({working}, timeout=seconds)
            if working.done():
                await working
        finally:
            telling.cancel()
            working.cancel()
            await asyncio.gather(working, telling, return_exceptions=True)


async def _tell(one: Demo, update: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(SUMMARY_S)
        update(one.summary())
