"""The chain, seen from the owners in force: does what they wrote extend the very log that we read?

A void record alone proves nothing: zombies and strangers write them, and any reader skips them; a copied claim makes
every later commit of its owner void, and copies of old commits may come any time. But an owner in force reads the
log up to its own claim and has at most two commits in flight, so at most one of its commits can land behind one that
was lost. If several in a row extend a record that is not here, the owner had read another log.

What stands at the very end can be altered unseen: nothing extends it yet. Compare `Report.head` with an earlier one.
"""

from streams.log.accept import VoidReason
from streams.log.positions import Position
from streams.log.records import Claim, Commit, Record

SUSPICIOUS = 3
"""So many commits in a row that extend a record that is not here."""


class Ownership:
    """Watches the owner in force; told of each record after its verdict."""

    __slots__ = ("_claimed", "_first", "_owner", "_run")

    def __init__(self) -> None:
        self._claimed: set[bytes] = set()
        self._owner = b""
        self._run = 0
        self._first: Position | None = None

    def record(
        self, position: Position, record: Record | None, void: VoidReason | None, n: int
    ) -> Position | None:
        """Return where the chain broke, once that is plain, or None. `n`: commits that count so far."""
        if isinstance(record, Claim):
            if void is None:
                self._owner = b"" if record.owner in self._claimed else record.owner
                self._claimed.add(record.owner)
        elif isinstance(record, Commit):
            if void is None:
                self._run = 0
            elif void == "broken_chain" and record.owner == self._owner and record.seq > n:
                return self._broken(position)
        return None

    def _broken(self, position: Position) -> Position | None:
        self._first = position if self._run == 0 else self._first
        self._run += 1
        return self._first if self._run == SUSPICIOUS else None
