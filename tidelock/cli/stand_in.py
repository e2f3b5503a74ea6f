"""A client that speaks for one that has ended: same client id, later sequence numbers.

Sequences start at the wall time in ms, far above those of any client that counts from 1, and its floor stays low:
so no command of either is taken for one of the other's. Wrong for a client that still runs: it would take over
that client's pushes.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidelock.cli.discovery import Running
from tidelock.cli.exits import NothingToTalkTo
from tidelock.client.client import Client
from tidelock.client.clock import BootClock
from tidelock.client.settings import Settings, addresses_of, token_of

CONNECT_S = 10.0


@asynccontextmanager
async def stand_in_for(running: Running, client_id: str) -> AsyncIterator[Client]:
    """Connect as `client_id`. Raises `NothingToTalkTo`."""
    client = Client(Settings(addresses_of(running.need_workers()), token_of(running.token)), BootClock())
    session = client._session
    session.id = session.router._client_id = client_id
    session._next = time.time_ns() // 1_000_000
    try:
        async with asyncio.timeout(CONNECT_S):
            await client.open()
        yield client
    except TimeoutError as error:
        workers = ", ".join(running.workers)
        raise NothingToTalkTo(
            f"No worker answered within {CONNECT_S:.0f} s ({workers}). See `tidelock status`."
        ) from error
    finally:
        await client.close()
