"""Errors about one queue."""

from tidelock.client.errors.base import TidelockError


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
