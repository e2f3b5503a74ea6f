"""Tidelock's Python client: locks with fencing tokens, and queues, on a log you can rewind.

    async with tidelock.connect("127.0.0.1:7400", token="dev") as client:
        async with client.lock("orders/42", wait=10) as held:
            update(order, fencing_token=held.token)
        await client.queue("orders", codec=Json()).put({"id": 42})

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
    QueueFull,
    QueueUnknown,
    ReceiptInvalid,
    TidelockError,
    WaitTimedOut,
)
from tidelock.client.held import HeldLock
from tidelock.client.lease import Lease
from tidelock.client.lock import Lock
from tidelock.client.locks import Locks
from tidelock.client.queues.codecs import Avro, Bytes, Codec, Json
from tidelock.client.queues.commands import Queues
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.message import Message
from tidelock.client.queues.producer import Put
from tidelock.client.queues.queue import Queue, Subscription
from tidelock.client.queues.terms import MessageOptions, QueueOptions
from tidelock.client.queues.work import Worker, worker
from tidelock.client.several import SeveralLocks
from tidelock.client.terms import LockOptions
from tidelock.client.transactions import LockTransaction

__all__ = [
    "Avro",
    "Bytes",
    "Client",
    "Codec",
    "ConnectionLost",
    "Consumer",
    "Deadlock",
    "HeldLock",
    "Json",
    "Lease",
    "Lock",
    "LockBusy",
    "LockLost",
    "LockOptions",
    "LockTransaction",
    "Locks",
    "Message",
    "MessageOptions",
    "NotHeld",
    "OutcomeUnknown",
    "Put",
    "Queue",
    "QueueFull",
    "QueueOptions",
    "QueueUnknown",
    "Queues",
    "ReceiptInvalid",
    "SeveralLocks",
    "Subscription",
    "TidelockError",
    "WaitTimedOut",
    "Worker",
    "connect",
    "errors",
    "sync",
    "worker",
]
