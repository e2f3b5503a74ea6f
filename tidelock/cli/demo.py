"""The demo workload beside `tidelock up`: some life to look at, and a line now and then that sums it up."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from tidelock.cli.tls import client_tls
from tidelock.client.errors import TidelockError
from tidelock.local.addresses import Addresses
from tidelock.local.tokens import DEV
from tidelock.workload.demo import Demo

SUMMARY_S = 30.0
FIRST_SUMMARY_S = 5.0


def demo_beside(home: Path, console: Console) -> Callable[[Addresses], Awaitable[None]]:
    """Return what `up` runs beside the stack until it stops. Raises `TlsUnusable`."""
    tls = client_tls()

    async def run(addresses: Addresses) -> None:
        demo = Demo(addresses.workers, DEV.known(home) or "dev", tls=tls)
        telling = asyncio.create_task(_tell(demo, console))
        try:
            await demo.run()
        except TidelockError as error:
            console.print(f"demo ended: {error}", style="yellow", markup=False, soft_wrap=True)
        finally:
            telling.cancel()

    return run


async def _tell(demo: Demo, console: Console) -> None:
    pause_s = FIRST_SUMMARY_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = SUMMARY_S
        console.print(f"{time.strftime('%H:%M:%S')} demo: {demo.summary()}", markup=False, soft_wrap=True)
