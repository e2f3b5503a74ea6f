"""What the parts of one cache in use ask of each other: listener of desk, desk of whoever uses the lines."""

from typing import Protocol

from streams.domain.caches.events import LineCall
from tidelock.client.caches.dropped import Dropped
from tidelock.client.caches.lost import LostLine


class Obedient(Protocol):
    """Whoever has the lines."""

    dropped: Dropped

    def obey(self, call: LineCall) -> None:
        """Do what a call says, or begin to."""

    def owed(self) -> int | None:
        """Return the number of the first call that was begun and is not done."""

    def reset(self) -> None:
        """Write back what is Modified, drop all else, then call `Listener.rejoin`."""

    def void(self, why: str) -> None:
        """No line is valid any more; what was not written back is lost."""

    def renewed(self) -> None:
        """The directory hears of this client."""

    def gone(self) -> None:
        """The cache was deleted; or may have been, and made anew: without an attachment nothing forbids it."""


class Owner(Protocol):
    """Whoever uses the lines."""

    def lost(self, line: LostLine) -> None:
        """What was written to a line held Modified is lost."""

    def called(self, shard: int, entry: str, token: int) -> None:
        """Lines and versions of the entry up to `token` are over, whether there are some here or not."""

    def invalidated(self, entry: str) -> None:
        """The line of an entry was called away, and is gone."""

    def renewed(self) -> None:
        """The directory hears of this client."""

    def gone(self) -> None:
        """The cache was deleted, or this shard of it; or may have been."""
