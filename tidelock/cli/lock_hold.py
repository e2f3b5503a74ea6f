"""Taking a lock and holding it: for a command, for a while, until a signal, or beyond our own end."""

import asyncio
import os
import signal
from dataclasses import dataclass
from functools import partial

import tidelock
from tidelock.cli import exits, show
from tidelock.cli.discovery import Running
from tidelock.cli.interruption import Signals, end
from tidelock.cli.tls import client_tls
from tidelock.client.client import Client
from tidelock.client.held import HeldLock
from tidelock.client.lease import Lease

NOT_FOUND, NOT_EXECUTABLE = 127, 126


@dataclass(frozen=True, slots=True)
class Wish:
    """What `lock acquire` was asked."""

    name: str
    shared: bool
    ttl: float
    wait: float | None
    priority: int
    lock_delay: float
    hold: float | None
    detach: bool
    command: tuple[str, ...]
    json: bool


async def acquire_and_hold(running: Running, wish: Wish) -> int:
    """Do as `wish` says; return the exit code."""
    signals = Signals()
    async with tidelock.connect(*running.need_workers(), token=running.token, tls=client_tls()) as client:
        acquiring = asyncio.create_task(_acquire(client, wish))
        if await signals.stop(acquiring):
            return signals.exit_code
        lease = await acquiring
        if not isinstance(lease, HeldLock):
            _tell_detached(client, lease, wish)
            return exits.OK
        code = await (_run(lease, wish, signals) if wish.command else _hold(client, lease, wish, signals))
        await lease.release()
        return code


async def _acquire(client: Client, wish: Wish) -> Lease:
    acquiring = _leased(client, wish) if wish.detach else _kept(client, wish)
    if wish.json or wish.wait == 0:
        return await acquiring
    with show.err.status(f"waiting for {wish.name} ..."):
        return await acquiring


async def _kept(client: Client, wish: Wish) -> Lease:
    lock = client.lock(
        wish.name,
        shared=wish.shared,
        ttl=wish.ttl,
        wait=wish.wait,
        priority=wish.priority,
        lock_delay=wish.lock_delay,
    )
    return await lock.acquire()


async def _leased(client: Client, wish: Wish) -> Lease:
    """Take the lock without renewing it: nobody is there to do so after our end."""
    return await client.locks.acquire(
        wish.name,
        shared=wish.shared,
        ttl=wish.ttl,
        wait=wish.wait,
        priority=wish.priority,
        lock_delay=wish.lock_delay,
    )


def _tell_detached(client: Client, lease: Lease, wish: Wish) -> None:
    if wish.json:
        show.as_json(_facts(client, lease))
        return
    show.say(f"acquired {lease.name} {lease.mode}, fencing token {lease.token}, for {wish.ttl:g} s")
    place = f"--token {lease.token} --client {client.id} --handle {lease.handle}"
    show.say(f"give it back: tidelock lock release {lease.name} {place}", "dim")


async def _hold(client: Client, held: HeldLock, wish: Wish, signals: Signals) -> int:
    if wish.json:
        show.as_json(_facts(client, held))
    else:
        until = "until Ctrl-C" if wish.hold is None else f"for {wish.hold:g} s"
        show.say(f"acquired {held.name} {held.mode}, fencing token {held.token}; holding {until}")
    waits = [asyncio.create_task(signals.came.wait()), asyncio.create_task(held.lost.wait())]
    await asyncio.wait(waits, timeout=wish.hold, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    held.check()
    if not wish.json:
        show.say(f"released {held.name}")
    return exits.OK


async def _run(held: HeldLock, wish: Wish, signals: Signals) -> int:
    place = {"TIDELOCK_FENCING_TOKEN": str(held.token), "TIDELOCK_LOCK": held.name}
    try:
        process = await asyncio.create_subprocess_exec(*wish.command, env={**os.environ, **place})
    except OSError as error:
        show.complain("COMMAND", f"{wish.command[0]} cannot be run: {error.strerror}. Check its path.")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    # A terminal's Ctrl-C reaches COMMAND by itself; we only outlive it, to release and to pass its exit code on.
    signals.forward = partial(_forward, process)
    ended, lost = asyncio.create_task(process.wait()), asyncio.create_task(held.lost.wait())
    await asyncio.wait({ended, lost}, timeout=wish.hold, return_when=asyncio.FIRST_COMPLETED)
    lost.cancel()
    if not ended.done():
        await end(process)
    code = await ended
    held.check()
    return code if code >= 0 else 128 - code


def _forward(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if number == signal.SIGTERM and process.returncode is None:
        process.send_signal(number)


def _facts(client: Client, lease: Lease) -> dict[str, object]:
    return {
        "name": lease.name, "token": lease.token, "mode": lease.mode, "client": client.id, "handle": lease.handle,
        "ttl_s": lease.ttl_ms / 1000,
    }  # fmt: skip
