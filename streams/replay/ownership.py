"""The chain, seen from the owner in force: does what it wrote extend the very log that we read?

A void record alone proves nothing: zombies write them, and any reader skips them. But the owner in force read
the log up to its own claim before its first commit, so that commit must count here too; and it has at most two
commits in flight, so it cannot go on for long after one that does not count. If it does, it read another log.
"""

from streams.log.accept import LogHead, VoidReason
from streams.log.records import Claim, Commit, Record

MOST_IN_FLIGHT = 2


class Ownership:
    """Watches the owner in force; told of each record after its verdict."""

    __slots__ = ("_commits", "_owner", "_void")

    def __init__(self) -> None:
        self._owner = b""
        self._commits = 0
        self._void = 0

    def record(self, record: Record | None, void: VoidReason | None, head: LogHead) -> str | None:
        """Return why the chain is broken at this record, or None."""
        if isinstance(record, Claim):
            if void is None:
                self._owner, self._commits, self._void = record.owner, 0, 0
            return None
        if not isinstance(record, Commit) or record.owner != self._owner:
            return None
        self._commits += 1
        if void is None:
            return None
        self._void += 1
        if self._commits == 1:
            return f"the first commit of the owner in force does not count ({void}): it had read another log"
        if record.seq == head.n + 1 and record.prev != head.head:
            return f"commit {record.seq} extends another record than the one that stands before it"
        if self._void >= MOST_IN_FLIGHT:
            return f"the owner in force went on after a commit that does not count ({void})"
        return None
