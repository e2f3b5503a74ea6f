"""Tidelock's Python client: locks with fencing tokens, queues, nodes and services, on a log you can rewind.

    async with tidelock.connect("127.0.0.1:7400", token="dev") as client:
        async with client.lock("orders/42", wait=10) as held:
            update(order, fencing_token=held.token)
        await client.queue("orders", codec=Json()).put({"id": 42})

Without async: `tidelock.sync`. What can go wrong: `tidelock.errors`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidelock.client.public import *
else:

    def __getattr__(name: str) -> object:
        """Import the client when it is first asked for: the command line mostly works without."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module("tidelock.client.public"), name)
        return found

    def __dir__() -> list[str]:
        """Name what can be asked for, too."""
        return sorted({*globals(), *__all__})


__all__ = [
    "Avro",
    "BreakerTerms",
    "Bytes",
    "Cache",
    "CacheOptions",
    "CacheReport",
    "CacheUnknown",
    "CacheUse",
    "CachedQuery",
    "Call",
    "CallTerms",
    "Caller",
    "Client",
    "Codec",
    "ConnectionLost",
    "Consumer",
    "Deadlock",
    "EntryConflict",
    "HeldLock",
    "Hits",
    "Instance",
    "Json",
    "Lease",
    "LineLost",
    "LoadFailed",
    "Loaded",
    "Loader",
    "Lock",
    "LockBusy",
    "LockLost",
    "LockOptions",
    "LockTransaction",
    "Locks",
    "LostLine",
    "Message",
    "MessageOptions",
    "Node",
    "NodeEvent",
    "NotHeld",
    "Offer",
    "OfferOptions",
    "OutcomeUnknown",
    "Presence",
    "Put",
    "Queue",
    "QueueFull",
    "QueueOptions",
    "QueueUnknown",
    "Queues",
    "ReceiptInvalid",
    "SecondTier",
    "Service",
    "SeveralLocks",
    "Subscription",
    "TidelockError",
    "WaitTimedOut",
    "Warmed",
    "Worker",
    "Writer",
    "cached_query",
    "connect",
    "errors",
    "sync",
    "worker",
]
