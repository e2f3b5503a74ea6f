"""Why a moment of a log cannot be shown.

RewindError
├── InTheFuture      the time is still to come
├── BeforeTheLog     the log begins later
├── BeyondTheEnd     the log does not reach that position yet
├── OtherPartition   the position is in a log that this name is not in
├── NeverUsed        nobody had asked for this name up to then
├── MessageUnknown   the queue has had no such message up to then
└── ForeignLog       the log is not the one of that partition, or none at all
"""

from datetime import UTC, datetime

from streams.log.positions import PartitionId, Position


class RewindError(Exception):
    """A moment of a log cannot be shown."""

    code = "REWIND"


class InTheFuture(RewindError):
    """The time is still to come."""

    code = "IN_THE_FUTURE"

    def __init__(self, asked: str, now: str) -> None:
        super().__init__(f"{asked} is still to come; it is {now}. Ask for a time that is over.")


class BeforeTheLog(RewindError):
    """The log begins after the time that was asked for."""

    code = "BEFORE_THE_LOG"

    def __init__(self, where: PartitionId, begins_ms: int | None) -> None:
        begins = (
            "holds no record yet" if begins_ms is None else f"began later than that, at {_utc(begins_ms)}"
        )
        super().__init__(f"The log of {where} {begins}. Ask for a later moment.")
        self.where = where
        self.begins_ms = begins_ms
        """When it began, ms since 1970; None: it is empty."""


class BeyondTheEnd(RewindError):
    """The log does not reach the position."""

    code = "BEYOND_THE_END"

    def __init__(self, asked: Position, end: int) -> None:
        last = f"its last record is {Position(asked.partition, end - 1)}" if end else "it holds no record yet"
        super().__init__(f"The log does not reach {asked}: {last}. Ask for that one, or for an earlier one.")
        self.asked = asked
        self.end = end


class OtherPartition(RewindError):
    """The position is in another log than the name."""

    code = "OTHER_PARTITION"

    def __init__(self, asked: Position, name: str, home: PartitionId) -> None:
        super().__init__(
            f"{asked} says nothing of {name!r}, which is in {home}. Ask for a position of {home}, or for a time."
        )
        self.asked = asked
        self.home = home


class NeverUsed(RewindError):
    """No command on the name is logged up to the moment."""

    code = "NEVER_USED"

    def __init__(self, tenant: str, name: str, last: Position) -> None:
        super().__init__(
            f"No command on {name!r} of tenant {tenant!r} is logged up to {last}. "
            "Check the name and the tenant, or ask for a later moment."
        )
        self.tenant = tenant
        self.name = name
        self.last = last


class MessageUnknown(RewindError):
    """The queue has had no such message."""

    code = "MESSAGE_UNKNOWN"

    def __init__(self, queue: str, message: str) -> None:
        super().__init__(
            f"Queue {queue!r} has had no message {message}. Check the id, the queue and the tenant."
        )
        self.queue = queue
        self.message = message


class ForeignLog(RewindError):
    """The log is not what it is taken for."""

    code = "FOREIGN_LOG"

    def __init__(self, where: PartitionId, found: str) -> None:
        super().__init__(f"What stands in {where.log_topic}, partition {where.partition}, {found}. "
                         "Check which Kafka is asked; `tidelock verify` says more.")  # fmt: skip
        self.where = where


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
