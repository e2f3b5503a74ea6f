"""`tidelock lock`: take, give back and look at one lock."""

import asyncio
from typing import Annotated

import typer

import tidelock
from streams.domain.locks.commands import ReleaseLock
from tidelock.cli import exits, options, show
from tidelock.cli.deferred import defer
from tidelock.cli.discovery import Running, find
from tidelock.cli.exits import WrongUse
from tidelock.cli.lock_hold import Wish, acquire_and_hold
from tidelock.cli.lock_view import lock_view
from tidelock.cli.stand_in import stand_in_for
from tidelock.cli.tls import client_tls

lock_app = typer.Typer(
    help="Take, give back and look at one lock.", no_args_is_help=True, pretty_exceptions_enable=False,
    epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip


Name = Annotated[
    str, typer.Argument(help="The lock's name, such as orders/42.", metavar="NAME", callback=options.text)
]


@lock_app.command()
def acquire(
    name: Name,
    command: Annotated[
        list[str] | None, typer.Argument(help="Run this while holding.", metavar="[-- COMMAND...]")
    ] = None,
    shared: Annotated[bool, typer.Option("--shared", help="Hold it together with other sharers.")] = False,
    ttl: Annotated[
        float, typer.Option(help="Length of the lease, s; renewed while held.", min=0.1, max=86_400)
    ] = 30.0,
    wait: Annotated[
        float | None, typer.Option(help="Queue so long, s; 0 only tries. Default: a day.", min=0, max=86_400)
    ] = None,
    priority: Annotated[int, typer.Option(help="9 is served first.", min=0, max=9)] = 0,
    lock_delay: Annotated[
        float, typer.Option(help="After an expiry nobody gets it for so long, s.", min=0, max=3_600)
    ] = 0.0,
    hold: Annotated[float | None, typer.Option(help="Release after so many s.", min=0)] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Keep it after the end, until released or ttl.")
    ] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Take a lock; hold it while COMMAND runs, for --hold seconds, or until Ctrl-C.

    The lease is renewed while it is held. COMMAND finds the fencing token in TIDELOCK_FENCING_TOKEN and the name in
    TIDELOCK_LOCK; its exit code becomes ours. If the lock is lost, COMMAND is ended and the exit code is 5. With
    `--detach` the lock stays held after we end, unrenewed: `tidelock lock release` gives it back.

    Example: [green]tidelock lock acquire nightly-report --wait 0 -- ./report.sh[/]
    """
    if detach and (command or hold is not None):
        raise WrongUse("--detach ends at once, so it goes with neither COMMAND nor --hold. Leave one out.")
    wish = Wish(name, shared, ttl, wait, priority, lock_delay, hold, detach, tuple(command or ()), json)
    raise typer.Exit(asyncio.run(acquire_and_hold(find(home), wish)))


@lock_app.command()
def release(
    name: Name,
    token: Annotated[int, typer.Option(help="The fencing token that the acquire printed.")],
    client: Annotated[str, typer.Option(help="The client id that it printed.", callback=options.text)],
    handle: Annotated[str, typer.Option(help="The handle that it printed.", callback=options.text)] = "1",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Give back a lock that was taken with `lock acquire --detach`.

    A holder is (client, handle), and only the holder can release: give the three things that the acquire printed.
    Exit code 1 if the token holds nothing (any more). Do not use it for a client that is still running.

    Example: [green]tidelock lock release orders/42 --token 281474976710657 --client 5f3a... --handle 1[/]
    """
    asyncio.run(_release(find(home), ReleaseLock(name, token), client, handle))
    if json:
        show.as_json({"name": name, "token": token, "released": True})
    else:
        show.say(f"released {name} (token {token})")


@lock_app.command("show")
def show_lock(name: Name, home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Show who holds a lock and who waits for it, as its owner decides: never stale.

    Times are what is left of each lease or wait, at least. Holders are (principal, client, handle).

    Example: [green]tidelock lock show orders/42 --json[/]
    """
    asyncio.run(_show(find(home), name, json))


defer(
    lock_app,
    "history",
    "tidelock.cli.lock_history:show_history",
    "Show who held a lock and who waited for it, from when to when, and how it ended.",
)


async def _release(running: Running, command: ReleaseLock, client_id: str, handle: str) -> None:
    async with stand_in_for(running, client_id) as client:
        await client.command("locks", command, handle=handle, timeout=20.0)


async def _show(running: Running, name: str, json: bool) -> None:
    async with tidelock.connect(
        *running.need_workers(), token=running.token, tls=client_tls(), timeout=20.0
    ) as client:
        state = await client.inspect(name)
        lock_view(client, name, state, json)
