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

from streams.log.positions import Position


class TidelockError(Exception):
    """Root of the tree. `code` is stable; `details` are (name, value) pairs from the server."""

    code: str = "TIDELOCK_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: tuple[tuple[str, str], ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.details = details
        self.retry_after_s = retry_after_s
        self.position: Position | None = None
        """The commit that refused it, if one did."""

    def detail(self, name: str) -> str | None:
        """Return the first detail called `name`."""
        return next((value for key, value in self.details if key == name), None)


class BadArgument(TidelockError, ValueError):
    """A name, time or number is out of its range; nothing was sent, or it was refused unexecuted."""

    code = "BAD_ARGUMENT"

    @property
    def field(self) -> str | None:
        """Which argument, if the server says so."""
        return self.detail("field")


class PayloadTooLarge(BadArgument):
    """The payload is larger than the queue takes. Put it elsewhere and enqueue a reference."""

    code = "PAYLOAD_TOO_LARGE"

    @property
    def limit(self) -> int | None:
        """Bytes that the queue takes."""
        limit = self.detail("limit")
        return None if limit is None else int(limit)


class BatchTooLarge(BadArgument):
    """One command would carry too much: at most 500 messages and 400 KiB."""

    code = "BATCH_TOO_LARGE"


class DeadLetterLoop(BadArgument):
    """A queue cannot be its own dead-letter queue."""

    code = "DEAD_LETTER_LOOP"


class WrongDelivery(BadArgument):
    """A broadcast queue is read by subscription, any other without."""

    code = "WRONG_DELIVERY"


class ParameterUnhashable(BadArgument):
    """A parameter of a cached query has no digest that is the same everywhere. Give plain values, or ignore it."""

    code = "PARAMETER_UNHASHABLE"


class ClientClosed(TidelockError):
    """The client was closed before or meanwhile. Open another one."""

    code = "CLIENT_CLOSED"


class ConnectionLost(TidelockError):
    """No worker can be reached; nothing was decided. Check the addresses and that a worker runs."""

    code = "CONNECTION_LOST"


class ProtocolViolation(ConnectionLost):
    """The server's bytes make no sense: it is no Tidelock worker, or of an incompatible release."""

    code = "PROTOCOL_VIOLATION"


class NotAuthenticated(TidelockError):
    """The server does not accept the token."""

    code = "UNAUTHENTICATED"


class NotAuthorized(TidelockError):
    """The token is good, but its principal may not do this."""

    code = "FORBIDDEN"


class Unavailable(TidelockError):
    """The partition's owner kept refusing until the deadline; nothing was decided: ask again."""

    code = "UNAVAILABLE"


class Overloaded(Unavailable):
    """The owner's queue was full until the deadline; nothing was decided. Slow down, or add workers."""

    code = "OVERLOADED"


class OutcomeUnknown(TidelockError):
    """The deadline passed without an answer that says what became of the command: it may have been executed.

    Look at the resource, or act on it under a fencing token. A lock that was acquired so is not renewed
    and expires by itself.
    """

    code = "OUTCOME_UNKNOWN"


class LockError(TidelockError):
    """Something about one lock; `name` says which."""

    name: str = ""


class LockBusy(LockError):
    """Somebody else holds the lock (or waits for it, or its lock-delay runs), and we did not want to wait."""

    code = "LOCK_BUSY"


class WaitTimedOut(LockError, TimeoutError):
    """Nobody gave the lock up in time."""

    code = "WAIT_TIMED_OUT"


class WaitWithdrawn(LockError):
    """The wait was ended: cancelled elsewhere, or the share that it wanted to upgrade went away."""

    code = "WAIT_WITHDRAWN"


class Deadlock(LockError):
    """This transaction is the youngest of a cycle of waits and was chosen to give way.

    Release all its locks and run it again under the same start stamp, so that it grows older:
    `client.transaction(started_ms=tx.started_ms)`.
    """

    code = "DEADLOCK_VICTIM"

    @property
    def cycle(self) -> tuple[str, ...]:
        """Who waited for whom, edge by edge."""
        return tuple(value for name, value in self.details if name == "edge")


class NotHeld(LockError):
    """The token holds nothing (any more): the lease expired, or it was released."""

    code = "NOT_HELD"


class LockLost(LockError):
    """The lease can no longer be trusted, although the caller did not release.

    Somebody else may hold the lock. What was written under its token is safe only where the resource checks
    fencing tokens.
    """

    code = "LOCK_LOST"


class QueueError(TidelockError):
    """Something about one queue; `queue` says which."""

    code = "QUEUE_ERROR"
    queue: str = ""


class QueueUnknown(QueueError):
    """There is no such queue (any more): create it."""

    code = "QUEUE_UNKNOWN"


class QueueIncomplete(QueueError):
    """The queue's home is there and some other shard is not: a delete was broken off. Delete or create it again."""

    code = "QUEUE_INCOMPLETE"


class QueueExists(QueueError):
    """The queue is there already, with other settings or shards: configure or resize it."""

    code = "QUEUE_EXISTS"


class QueueNotEmpty(QueueError):
    """The queue still holds messages: drain it, or delete it with force."""

    code = "QUEUE_NOT_EMPTY"


class QueueFull(QueueError):
    """The queue has no room. Consume, purge or redrive, or raise its bounds."""

    code = "QUEUE_FULL"


class VersionConflict(QueueError):
    """The settings were changed by somebody else meanwhile: look at them again."""

    code = "VERSION_CONFLICT"

    @property
    def version(self) -> int | None:
        """Of which version they are now."""
        version = self.detail("version")
        return None if version is None else int(version)


class SubscriptionUnknown(QueueError):
    """The broadcast queue has no such subscription: add it."""

    code = "SUBSCRIPTION_UNKNOWN"


class ReceiptInvalid(QueueError):
    """The receipt holds no longer: the message was settled, its lease ended, or it was delivered to another.

    Whatever was done with the message may be done again by whoever has it now.
    """

    code = "RECEIPT_INVALID"

    @property
    def problem(self) -> str:
        """NOT_LEASED, or NOT_YOURS if another principal leases it."""
        return next((value for _, value in self.details), "NOT_LEASED")


class TooManyWaiting(QueueError):
    """So many consumers wait at this queue that no more are taken."""

    code = "TOO_MANY_WAITING"


class PartlyPut(QueueError):
    """Some messages of a `put_many` are in the queue, others are not: `results` has a `Put` or an error for each."""

    code = "PARTLY_PUT"
    results: tuple[object, ...] = ()


class PayloadUnreadable(QueueError):
    """The payload does not fit the codec: it was put by somebody who uses another one."""

    code = "PAYLOAD_UNREADABLE"


class CacheError(TidelockError):
    """Something about one cache; `cache` says which."""

    code = "CACHE_ERROR"
    cache: str = ""


class CacheUnknown(CacheError):
    """There is no such cache (any more): create it."""

    code = "CACHE_UNKNOWN"


class CacheIncomplete(CacheError):
    """Some shards of the cache are missing: a create or delete was broken off. Do it again."""

    code = "CACHE_INCOMPLETE"


class CacheExists(CacheError):
    """The cache is there already, with other settings or shards: use it as it is, or configure it."""

    code = "CACHE_EXISTS"


class CacheClosing(CacheError):
    """The cache was deleted, and clients may still trust lines of it: try again after `retry_after_s`."""

    code = "CACHE_CLOSING"


class CacheFull(CacheError):
    """Nothing can be evicted: all is held Modified or being changed. Flush, or raise the bounds."""

    code = "CACHE_FULL"


class EntryConflict(CacheError):
    """The entry, or the cache's settings, are of another version by now: read again, write what follows from that."""

    code = "VERSION_CONFLICT"

    @property
    def version(self) -> int:
        """Of which version it is; 0: it is not there."""
        return int(self.detail("version") or 0)


class ValueTooLarge(CacheError, ValueError):
    """The value is larger than the cache takes. Split it, or cache a reference."""

    code = "VALUE_TOO_LARGE"

    @property
    def limit(self) -> int | None:
        """Bytes that the cache takes."""
        limit = self.detail("limit")
        return None if limit is None else int(limit)


class ValueUnreadable(CacheError):
    """The value does not fit the codec: it was put by somebody who uses another one, or cannot be written by it."""

    code = "VALUE_UNREADABLE"


class EntryBusy(CacheError):
    """The entry is being changed or loaded and the call does not wait, or too much is under way: ask again."""

    code = "ENTRY_BUSY"


class EntryWaitTimedOut(CacheError, TimeoutError):
    """The entry was being changed or loaded for all the time that was waited; nothing was done."""

    code = "WAIT_TIMED_OUT"


class LineLost(CacheError):
    """What was written to lines held Modified could not be written back: the directory has older values, or newer.

    `lines` has the entries, what was lost, and why. Read them again; write again what should stand.
    """

    code = "LINE_LOST"
    lines: tuple[object, ...] = ()


class LoadFailed(CacheError):
    """The loader failed (see `__cause__`), or writes overtook it again and again. Nothing was stored."""

    code = "LOAD_FAILED"


class LoadTimedOut(LoadFailed, TimeoutError):
    """The loader took longer than the fill lease of the cache, and was cancelled; somebody else may load now."""

    code = "LOAD_TIMED_OUT"


class WriterFailed(CacheError):
    """The writer failed (see `__cause__`). The message says whether the cache has the value."""

    code = "WRITER_FAILED"


class SourceError(TidelockError):
    """Something about where a cache's values live (PostgreSQL, Redis). Its `__cause__` is the source's own error."""

    code = "SOURCE_ERROR"


class SourceUnavailable(SourceError):
    """The source cannot be reached, or not now: try again."""

    code = "SOURCE_UNAVAILABLE"


class SourceTimedOut(SourceError, TimeoutError):
    """The source took too long, and was not waited for any longer. A write may have been done: write again."""

    code = "SOURCE_TIMED_OUT"


class SourceRefused(SourceError):
    """The source refuses the statement, the key or the value: mend it."""

    code = "SOURCE_REFUSED"


class NodeError(TidelockError):
    """Something about a node and its session; `node` says which."""

    code = "NODE_ERROR"
    node: str = ""


class NodeUnknown(NodeError):
    """No such node has registered, or it is forgotten."""

    code = "NODE_UNKNOWN"


class NodeAlive(NodeError):
    """Another client is that node. Choose another name, wait, or (a restart) `Node(..., take_over=True)`."""

    code = "NODE_ALIVE"

    @property
    def session(self) -> str:
        """The live session."""
        return self.detail("session") or ""


class NodeFlapping(NodeError):
    """It died too often: find out why it falls silent; register again after `retry_after_s`."""

    code = "NODE_FLAPPING"


class SessionsUnswept(NodeError):
    """Too many ended sessions of the node still own something: see that a sweeper runs."""

    code = "SESSIONS_UNSWEPT"


class NotYours(NodeError):
    """The session or instance is another client's or principal's: use what your own registration answered."""

    code = "NOT_YOURS"


class SessionEnded(NodeError):
    """The node's session is over: what it held is lost. `await client.node.joined()`, then begin anew."""

    code = "SESSION_ENDED"


class NodeRetired(NodeError):
    """This client's node does not register again by itself. Open another client."""

    code = "NODE_RETIRED"


class ServiceError(TidelockError):
    """Something about one service; `service` says which."""

    code = "SERVICE_ERROR"
    service: str = ""


class InstanceTaken(ServiceError):
    """Another node's or principal's instance is called like that: choose another id."""

    code = "INSTANCE_TAKEN"


class InstanceUnknown(ServiceError):
    """The service has no such instance (any more): register it."""

    code = "INSTANCE_UNKNOWN"


class ServiceFull(ServiceError):
    """The service has no room for more instances, or for so much metadata."""

    code = "SERVICE_FULL"


class TooManyWatching(ServiceError):
    """So many wait for the service to change that no more are taken."""

    code = "TOO_MANY_WATCHING"


class NoInstance(ServiceError):
    """None of the service's instances can be called now: none is there, is healthy, or has a closed circuit."""

    code = "NO_INSTANCE"


class Rejection(TidelockError):
    """Any other refusal by the server; see `code` and `details`."""

    code = "REJECTED"


class InternalError(Rejection):
    """The server's code failed on this command; nothing was changed. Report it with `details`."""

    code = "INTERNAL"
