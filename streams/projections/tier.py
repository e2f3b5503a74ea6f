"""Where the copies are that clients share. Adapter: `storage.redis.tier`."""

from typing import Protocol

from streams.domain.value import value
from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId


class TierUnavailable(Exception):
    """The tier cannot be reached now: wait and try again, nothing is lost."""

    code = "TIER_UNAVAILABLE"


@value
class Change:
    """An entry whose copies of versions before `token` are worth nothing any more."""

    key: str
    entry: str
    token: int


@value
class Stretch:
    """What a piece of one partition's log changed."""

    start: int
    """Its first offset."""
    reached: Checkpoint
    """Where it ends."""
    changes: tuple[Change, ...]
    """Of each entry the last."""
    since: int
    """Nothing that was granted up to this token is believed: its event deleted a cache, or ended a stretch of more
    changes than are told one by one. 0: there was none."""


class TierStore(Protocol):
    """Marks of where the copies of each partition stand in the log `log`. All may be done twice, by several.

    Raises `TierUnavailable`.
    """

    async def begin(self, where: PartitionId, log: str, since: int, at: Checkpoint) -> Checkpoint:
        """Return where the mark stands. If there is none of this log, there is one `at` now.

        Nothing granted up to the token `since` is believed then.
        """

    async def apply(self, where: PartitionId, log: str, stretch: Stretch) -> bool:
        """Take away what changed, and move the mark, if it is not further on. False: it stands before the stretch."""

    async def sign(self, where: PartitionId, log: str, at: int, seen_ms: int) -> int | None:
        """Say that the mark stands at offset `at`, where the log ended at `seen_ms` of the tier's clock.

        Copies are shown for `STALE_MS` from then. Returns the tier's clock; None: the mark stands before `at`.
        """
