"""What `tidelock` offers, in one import: `tidelock.__all__` names it."""
# ruff: noqa: F401
# mypy: implicit-reexport

from tidelock.client import errors, sync
from tidelock.client.caches.administration import CacheReport
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.hits import Hits
from tidelock.client.caches.lost import LostLine
from tidelock.client.caches.ports import Loaded, Loader, SecondTier, Writer
from tidelock.client.caches.queries import CachedQuery, cached_query
from tidelock.client.caches.terms import CacheOptions, CacheUse
from tidelock.client.caches.warming import Warmed
from tidelock.client.client import Client, connect
from tidelock.client.errors import (
    CacheUnknown,
    ConnectionLost,
    Deadlock,
    EntryConflict,
    LineLost,
    LoadFailed,
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
from tidelock.client.nodes.breaker import BreakerTerms
from tidelock.client.nodes.caller import Call, Caller, CallTerms
from tidelock.client.nodes.events import NodeEvent
from tidelock.client.nodes.instance import Instance
from tidelock.client.nodes.node import Node
from tidelock.client.nodes.offer import Offer, OfferOptions
from tidelock.client.nodes.presence import Presence
from tidelock.client.nodes.service import Service
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
