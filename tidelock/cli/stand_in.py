"""A client that speaks for one that has ended: same client id, later sequence numbers.

Sequences start at the wall time in ms, far above those of any client that counts from 1, and its floor stays low:
so no command of either is taken for one of the other's. Wrong for a client that still runs: it would take over
that client's pushes.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tidelock
from tidelock.cli.discovery import Running
from tidelock.cli.exits import NothingToTalkTo
from tidelock.cli.tls import client_tls
from tidelock.client.client import Client
from tidelock.client.errors import ConnectionLost

CONNECT_S = 10.0


@asynccontextmanager
async def stand_in_for(running: Running, client_id: str) -> AsyncIterator[Client]:
    """Connect as `client_id`. Raises `NothingToTalkTo`."""
    connecting = tidelock.connect(
        *running.need_workers(),
        token=running.token,
        tls=client_tls(),
        connect_timeout=CONNECT_S,
        client_id=client_id,
        first_sequence=time.time_ns() // 1_000_000,
    )
    try:
        client = await connecting
    except ConnectionLost as error:
        raise NothingToTalkTo(f"{error} See `tidelock status`.") from error
    async with client:
        yield client
