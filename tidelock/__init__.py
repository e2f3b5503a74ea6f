"""Tidelock's Python client: locks with fencing tokens on a log you can rewind.

    async with tidelock.connect("127.0.0.1:7400", token="dev") as client:
        async with client.lock("orders/42", wait=10) as held:
            update(order, fencing_token=held.token)

Without async: `tidelock.sync`. What can go wrong: `tidelock.errors`.
"""

from tidelock.client import errors, sync
from tidelock.client.client import Client, connect
from tidelock.client.errors import (
    ConnectionLost,
    Deadlock,
    LockBusy,
    LockLost,
    NotHeld,
    OutcomeUnknown,
    TidelockError,
    WaitTimedOut,
)
from tidelock.client.held import HeldLock
from tidelock.client.lease import Lease
from tidelock.client.lock import Lock
from tidelock.client.locks import Locks
from tidelock.client.several import SeveralLocks
from tidelock.client.terms import LockOptions
from tidelock.client.transactions import LockTransaction

__all__ = [
    "Client",
    "ConnectionLost",
    "Deadlock",
    "HeldLock",
    "Lease",
    "Lock",
    "LockBusy",
    "LockLost",
    "LockOptions",
    "LockTransaction",
    "Locks",
    "NotHeld",
    "OutcomeUnknown",
    "SeveralLocks",
    "TidelockError",
    "WaitTimedOut",
    "connect",
    "errors",
    "sync",
]
