"""`tidelock up`: start the stack, show where it is, keep it running until a signal, stop it cleanly."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from rich.console import Console

from tidelock.local import statefile
from tidelock.local.addresses import Addresses
from tidelock.local.banner import banner
from tidelock.local.download_bar import DownloadBar
from tidelock.local.errors import LocalStackError, StackLocked
from tidelock.local.settings import StackSettings
from tidelock.local.stack import LocalStack

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_S = 0.2

Beside: TypeAlias = Callable[[Addresses], Awaitable[None]]
"""What runs beside the stack, on its loop, from ready until it stops (the demo workload); handles its own errors."""


class _Signals:
    """The first signal asks for a clean stop, the second kills what is still there."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.first: signal.Signals | None = None
        self.stack: LocalStack | None = None

    def handle(self, number: signal.Signals) -> None:
        if self.first is not None and self.stack is not None:
            self.stack.kill_all()
        self.first = self.first or number
        self.came.set()


async def up(settings: StackSettings, console: Console | None = None, beside: Beside | None = None) -> int:
    """Run a stack in `settings.home` until SIGINT, SIGTERM or SIGHUP; return the exit status.

    0: it ran and was stopped, or it runs already. 1: it could not start, and why is printed with the cure.
    128 + n: signal n came before it was ready.
    """
    console = console or Console(highlight=False)
    signals = _Signals()
    loop = asyncio.get_running_loop()
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup
    for number in handled:
        loop.add_signal_handler(number, signals.handle, number)
    try:
        return await _up(settings, console, signals, beside)
    except LocalStackError as error:
        console.print(f"{error.code}: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


async def _up(settings: StackSettings, console: Console, signals: _Signals, beside: Beside | None) -> int:
    if statefile.running(settings.home) is None:
        try:
            return await _run(settings, console, signals, beside)
        except StackLocked as locked:
            return await _join(settings, console, signals, locked)
    return await _join(settings, console, signals, StackLocked(settings.home, None))


async def _run(settings: StackSettings, console: Console, signals: _Signals, beside: Beside | None) -> int:
    began = time.monotonic()
    bar = DownloadBar(console)

    def say(text: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False, soft_wrap=True)

    stack = signals.stack = LocalStack(settings, say, bar)
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(signals.came.wait())
    companion: asyncio.Future[None] | None = None
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            say("stopping before the stack was ready")
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return 128 + (signals.first or signal.SIGINT)
        console.print(banner(await starting, settings))
        say(f"ready after {time.monotonic() - began:.1f} s")
        if beside is not None:
            companion = asyncio.ensure_future(beside(stack.addresses))
        await stopping
        say("stopping")
        return 0
    finally:
        bar.close()
        stopping.cancel()
        if companion is not None:
            companion.cancel()
            await asyncio.gather(companion, return_exceptions=True)
        await stack.stop()


async def _join(settings: StackSettings, console: Console, signals: _Signals, locked: StackLocked) -> int:
    """Show the stack that somebody else runs (or is just starting) in this directory."""
    deadline = time.monotonic() + settings.start_timeout_s
    addresses: Addresses | None = None
    while addresses is None:
        if signals.first is not None:
            return 128 + signals.first
        if time.monotonic() > deadline:
            raise locked
        addresses = statefile.running(settings.home)
        await asyncio.sleep(0 if addresses else _POLL_S)
    console.print(banner(addresses, settings, already=True))
    return 0
