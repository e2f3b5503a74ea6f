"""Moments as people write them, and times as they are shown: by this machine's zone or UTC, always with the offset."""

import re
import time
from datetime import UTC, datetime
from datetime import time as clock_time

from streams.domain.value import value
from streams.log.positions import Position
from streams.replay.errors import InTheFuture
from streams.replay.moment import AtEnd, AtPosition, AtTime, Target
from tidelock.cli.exits import WrongUse

FORMS = "2026-11-17T14:03:07 (with or without a zone), 14:03:07 of today, -5m (s, m, h, d), or a position: locks/3@1205"
_RELATIVE = re.compile(r"-(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,3})?)s)?")


@value
class Calendar:
    """Which clock times are read and shown by."""

    utc: bool
    now_ms: int

    @classmethod
    def now(cls, utc: bool) -> "Calendar":
        """Return the calendar of this moment."""
        return cls(utc, time.time_ns() // 1_000_000)

    def shown(self, time_ms: int) -> str:
        """Return a time with its offset: 2026-11-17 14:03:07.000 +01:00."""
        at = self._at(time_ms)
        return f"{at:%Y-%m-%d %H:%M:%S}.{time_ms % 1000:03d} {at.isoformat()[-6:]}"

    def short(self, time_ms: int) -> str:
        """Return a time without its offset, for tables that say it once."""
        return self.shown(time_ms)[:-7]

    def clock(self, time_ms: int) -> str:
        """Return the time of day alone, to the second."""
        return f"{self._at(time_ms):%H:%M:%S}"

    def zone(self, time_ms: int) -> str:
        """Return what the offset of a time is called, and whose it is."""
        return "UTC" if self.utc else f"{self._at(time_ms).tzname()}, the zone of this machine"

    def _at(self, time_ms: int) -> datetime:
        at = datetime.fromtimestamp(time_ms // 1000, UTC)
        return at if self.utc else at.astimezone()

    def target(self, text: str) -> Target:
        """Return the moment that `text` names; '' is the log's end. Raises `WrongUse`, `InTheFuture`."""
        if not text:
            return AtEnd()
        if "@" in text:
            return AtPosition(_position(text))
        return AtTime(self.time_ms(text))

    def time_ms(self, text: str) -> int:
        """Return the time that `text` names, ms since 1970. Raises `WrongUse`, `InTheFuture`."""
        try:
            found = self._time_ms(text)
        except (ValueError, OverflowError):
            raise WrongUse(f"{text!r} is no moment. Write {FORMS}.") from None
        if found < 0:
            raise WrongUse(f"{text!r} is before 1970. Write a later time.")
        if found > self.now_ms:
            raise InTheFuture(self.shown(found), self.shown(self.now_ms))
        return found

    def _time_ms(self, text: str) -> int:
        if text.startswith("-"):
            return self.now_ms - _relative(text)
        if ":" in text[:3]:
            today = self._at(self.now_ms).date()
            return self._in_zone(datetime.combine(today, clock_time.fromisoformat(text)), text)
        return self._in_zone(datetime.fromisoformat(text), text)

    def _in_zone(self, at: datetime, text: str) -> int:
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC) if self.utc else _local(at, text)
        since = at - datetime.fromtimestamp(0, UTC)
        return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _local(at: datetime, text: str) -> datetime:
    first, second = at.astimezone(), at.replace(fold=1).astimezone()
    if first.utcoffset() != second.utcoffset():
        raise WrongUse(
            f"{text!r} is an hour when this machine's clock was changed. Say which is meant by an offset: "
            f"{first.isoformat()} or {second.isoformat()}."
        )
    return first


def _relative(text: str) -> int:
    found = _RELATIVE.fullmatch(text)
    if found is None or text == "-":
        raise ValueError(text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)


def _position(text: str) -> Position:
    try:
        position = Position.parse(text)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    if position.offset < 0:
        raise WrongUse(f"{text!r} has a negative offset. A log begins at 0.")
    return position
