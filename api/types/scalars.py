"""The schema's own scalars. All go through `SCALARS`, which the schema's configuration takes."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NewType, TypeAlias

import strawberry
from strawberry.types.scalar import ScalarDefinition

from api.errors import ApiError, BadPosition, BadTime
from streams.log.positions import PartitionId
from streams.log.positions import Position as LogPosition

JSON = NewType("JSON", object)
Long = NewType("Long", int)
"""64 bits, as text: JavaScript's numbers have 53."""
Position = NewType("Position", LogPosition)
DateTime = NewType("DateTime", int)
"""Milliseconds since 1970 inside, ISO 8601 outside."""
Moment: TypeAlias = int | LogPosition
At = NewType("At", object)
"""A `Moment`: milliseconds since 1970, or a position."""

MAX_LONG: Final = 2**63 - 1
_POSITION = re.compile(r"([a-z][a-z0-9-]{0,63})/([0-9]{1,9})@([0-9]{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TIME_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""
MIN_TIME_MS: Final = -62_135_596_800_000
"""The beginning of the year 1."""


def position_of(text: object) -> LogPosition:
    """Parse `locks/3@1205`. Raises `BadPosition`."""
    match = _POSITION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadPosition(f"{text!r:.60} is no position. Give one like locks/3@1205, as asOf tells it.")
    kind, partition, offset = match.groups()
    return LogPosition(PartitionId(kind, int(partition)), int(offset))


def time_of(text: object) -> int:
    """Parse ISO 8601 with a zone into milliseconds since 1970. Raises `BadTime`."""
    try:
        if not isinstance(text, str) or len(text) > 40:
            raise ValueError("no text of a time's length")
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("it has no zone")
        moment.astimezone(UTC)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError) as error:
        raise BadTime(
            f"{text!r:.60} is no time ({error}). Give ISO 8601 with a zone, such as 2026-01-31T14:03:07.250Z."
        ) from error


def show_time(time_ms: int) -> str:
    """Return ISO 8601 in UTC, to the millisecond. Pages are full of times, many of them of one second.

    Clients say of when their transactions are: what no calendar has is shown as its beginning or end.
    """
    time_ms = min(max(time_ms, MIN_TIME_MS), MAX_TIME_MS)
    seconds, ms = divmod(time_ms, 1000)
    return f"{_second(seconds)}.{ms:03}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


def moment_of(text: object) -> Moment:
    """Parse a time or a position. Raises `BadPosition`, `BadTime`."""
    return position_of(text) if isinstance(text, str) and "@" in text else time_of(text)


def long_of(text: object) -> int:
    """Parse a 64-bit number from text, or from a number. Raises `ApiError`."""
    if isinstance(text, str) and re.fullmatch(r"-?[0-9]{1,19}", text):
        text = int(text)
    if isinstance(text, int) and not isinstance(text, bool) and -MAX_LONG <= text <= MAX_LONG:
        return text
    raise ApiError(f"{text!r:.60} is no 64-bit number. Give its digits as text.", code="BAD_ARGUMENT")


def _show_moment(moment: Any) -> str:
    return show_time(moment) if isinstance(moment, int) else str(moment)


SCALARS: Final[dict[object, ScalarDefinition]] = {
    JSON: strawberry.scalar(
        name="JSON",
        description="Plain data. Numbers of more than 53 bits are text, bytes are hex; what is long is cut.",
        serialize=lambda shown: shown,
    ),
    Long: strawberry.scalar(
        name="Long",
        description="A 64-bit number as text: tokens, tickets, lease times in ms.",
        serialize=str,
        parse_value=long_of,
    ),
    Position: strawberry.scalar(
        name="Position",
        description="A place in a partition's log, such as locks/3@1205.",
        serialize=str,
        parse_value=position_of,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="ISO 8601 with a zone. Out: UTC, to the millisecond.",
        serialize=show_time,
        parse_value=time_of,
    ),
    At: strawberry.scalar(
        name="At",
        description="A time (ISO 8601 with a zone) or a position such as locks/3@1205.",
        serialize=_show_moment,
        parse_value=moment_of,
    ),
}
