"""Everything that can go wrong for a caller of the client.

TidelockError
├── BadArgument              a name, time or number is out of its range (also a ValueError)
│   ├── PayloadTooLarge      enqueue a reference to it instead
│   ├── BatchTooLarge        more than one command may carry
│   ├── DeadLetterLoop       a queue cannot be its own dead-letter queue
│   ├── ParameterUnhashable  no digest tells the parameter of a cached query from others
│   └── WrongDelivery        a broadcast queue is used as a plain one, or the other way round
├── ClientClosed             the client was closed before or meanwhile
├── ConnectionLost           no worker can be reached; nothing was decided
│   └── ProtocolViolation    the server's bytes make no sense
├── NotAuthenticated         the server does not accept the token
├── NotAuthorized            the token is good, but not for this
├── Unavailable              the partition's owner kept refusing until the deadline; nothing was decided
│   └── Overloaded           ... because its queue is full
├── OutcomeUnknown           the deadline passed without a clear answer: executed or not
├── LockError                about one lock
│   ├── LockBusy             somebody else holds it (or may still), and the caller did not want to wait
│   ├── WaitTimedOut         nobody gave it up in time
│   ├── WaitWithdrawn        the wait was ended: cancelled, or the share to be upgraded went away
│   ├── Deadlock             this transaction was chosen to break a cycle of waits
│   ├── NotHeld              the token holds nothing (any more)
│   └── LockLost             the lease can no longer be trusted, although the caller did not release
├── QueueError               about one queue
│   ├── QueueUnknown         there is no such queue
│   ├── QueueIncomplete      some of its shards are missing: it was deleted in part
│   ├── QueueExists          it is there already, with other settings
│   ├── QueueNotEmpty        it still holds messages
│   ├── QueueFull            it has no room, and is set to refuse
│   ├── VersionConflict      its settings were changed meanwhile
│   ├── SubscriptionUnknown  the broadcast queue has no such subscription
│   ├── ReceiptInvalid       the message was acknowledged, returned or delivered anew meanwhile, or is another's
│   ├── TooManyWaiting       so many consumers wait that no more are taken
│   ├── PartlyPut            some messages of a `put_many` are in the queue, others are not
│   └── PayloadUnreadable    the payload does not fit the codec
├── CacheError               about one cache
│   ├── CacheUnknown         there is no such cache
│   ├── CacheIncomplete      some of its shards are missing: it was made, or deleted, in part
│   ├── CacheExists          it is there already, with other settings
│   ├── CacheClosing         it was deleted a moment ago: try again
│   ├── CacheFull            nothing can be evicted
│   ├── EntryConflict        the entry, or the settings, are of another version
│   ├── ValueTooLarge        more than the cache takes
│   ├── ValueUnreadable      the value does not fit the codec
│   ├── EntryBusy            the entry is being changed or loaded, or too much is under way
│   ├── EntryWaitTimedOut    ... and was so for all the time that was waited
│   ├── LineLost             what was written to lines held Modified was not written back in time
│   ├── LoadFailed           the loader failed, or was overtaken again and again
│   │   └── LoadTimedOut     it took longer than the fill lease
│   └── WriterFailed         the writer failed
│       └── WriterTimedOut   ... or took too long
├── SourceError              about where a cache's values live: the cause of LoadFailed or WriterFailed
│   ├── SourceUnavailable    it cannot be reached, or not now
│   ├── SourceTimedOut       it took too long
│   └── SourceRefused        it will not do it, however often it is asked
├── NodeError                about a node and its session
│   ├── NodeUnknown          there is no such node
│   ├── NodeAlive            another client is that node
│   ├── NodeFlapping         it died too often and has to wait before it registers again
│   ├── SessionsUnswept      too many of its ended sessions still own something
│   ├── NotYours             the session or instance is another client's or principal's
│   ├── SessionEnded         the session is over: what it held is lost
│   └── NodeRetired          this client's node does not register again by itself
├── ServiceError             about one service
│   ├── InstanceTaken        another node's instance is called like that
│   ├── InstanceUnknown      the service has no such instance
│   ├── ServiceFull          it has no room for more instances
│   ├── TooManyWatching      so many wait for it to change that no more are taken
│   └── NoInstance           none of its instances can be called now
└── Rejection                any other refusal, by its `code`
    └── InternalError        the server's code failed on this command; nothing was changed

Each has a stable `code`, typed attributes, and a message that ends with the cure.
"""

from tidelock.client.errors.base import (
    BadArgument,
    BatchTooLarge,
    ClientClosed,
    ConnectionLost,
    DeadLetterLoop,
    InternalError,
    NotAuthenticated,
    NotAuthorized,
    OutcomeUnknown,
    Overloaded,
    ParameterUnhashable,
    PayloadTooLarge,
    ProtocolViolation,
    Rejection,
    TidelockError,
    Unavailable,
    WrongDelivery,
)
from tidelock.client.errors.caches import (
    CacheClosing,
    CacheError,
    CacheExists,
    CacheFull,
    CacheIncomplete,
    CacheUnknown,
    EntryBusy,
    EntryConflict,
    EntryWaitTimedOut,
    LineLost,
    LoadFailed,
    LoadTimedOut,
    SourceError,
    SourceRefused,
    SourceTimedOut,
    SourceUnavailable,
    ValueTooLarge,
    ValueUnreadable,
    WriterFailed,
    WriterTimedOut,
)
from tidelock.client.errors.locks import (
    Deadlock,
    LockBusy,
    LockError,
    LockLost,
    NotHeld,
    WaitTimedOut,
    WaitWithdrawn,
)
from tidelock.client.errors.nodes import (
    InstanceTaken,
    InstanceUnknown,
    NodeAlive,
    NodeError,
    NodeFlapping,
    NodeRetired,
    NodeUnknown,
    NoInstance,
    NotYours,
    ServiceError,
    ServiceFull,
    SessionEnded,
    SessionsUnswept,
    TooManyWatching,
)
from tidelock.client.errors.queues import (
    PartlyPut,
    PayloadUnreadable,
    QueueError,
    QueueExists,
    QueueFull,
    QueueIncomplete,
    QueueNotEmpty,
    QueueUnknown,
    ReceiptInvalid,
    SubscriptionUnknown,
    TooManyWaiting,
    VersionConflict,
)

__all__ = [
    "BadArgument",
    "BatchTooLarge",
    "CacheClosing",
    "CacheError",
    "CacheExists",
    "CacheFull",
    "CacheIncomplete",
    "CacheUnknown",
    "ClientClosed",
    "ConnectionLost",
    "DeadLetterLoop",
    "Deadlock",
    "EntryBusy",
    "EntryConflict",
    "EntryWaitTimedOut",
    "InstanceTaken",
    "InstanceUnknown",
    "InternalError",
    "LineLost",
    "LoadFailed",
    "LoadTimedOut",
    "LockBusy",
    "LockError",
    "LockLost",
    "NoInstance",
    "NodeAlive",
    "NodeError",
    "NodeFlapping",
    "NodeRetired",
    "NodeUnknown",
    "NotAuthenticated",
    "NotAuthorized",
    "NotHeld",
    "NotYours",
    "OutcomeUnknown",
    "Overloaded",
    "ParameterUnhashable",
    "PartlyPut",
    "PayloadTooLarge",
    "PayloadUnreadable",
    "ProtocolViolation",
    "QueueError",
    "QueueExists",
    "QueueFull",
    "QueueIncomplete",
    "QueueNotEmpty",
    "QueueUnknown",
    "ReceiptInvalid",
    "Rejection",
    "ServiceError",
    "ServiceFull",
    "SessionEnded",
    "SessionsUnswept",
    "SourceError",
    "SourceRefused",
    "SourceTimedOut",
    "SourceUnavailable",
    "SubscriptionUnknown",
    "TidelockError",
    "TooManyWaiting",
    "TooManyWatching",
    "Unavailable",
    "ValueTooLarge",
    "ValueUnreadable",
    "VersionConflict",
    "WaitTimedOut",
    "WaitWithdrawn",
    "WriterFailed",
    "WriterTimedOut",
    "WrongDelivery",
]
