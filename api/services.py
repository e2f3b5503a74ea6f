"""What the API works with: made once a process by `server`, by tests from memory."""

from dataclasses import dataclass

from api.errors import BadArgument
from api.hot import HotLocks
from api.identity import Authenticator
from api.ports import LiveLocks, LogEnds
from api.sessions import Sessions
from streams.projections.locks.reads import LockReads
from streams.projections.reads import Progress
from streams.wire.keys import key_of, name_problem
from streams.wire.murmur2 import partition_of


@dataclass(frozen=True, slots=True)
class Services:
    """All that resolvers reach through their context."""

    authenticator: Authenticator
    reads: LockReads
    progress: Progress
    log_ends: LogEnds
    sessions: Sessions
    partitions: int
    """Of the kind `locks`."""
    page_key: bytes
    """Seals the cursors of pages: nodes that share it read each other's."""
    hot: HotLocks | None = None
    """Where locks are looked up first; None: there are no hot copies."""
    live: LiveLocks | None = None
    """What subscriptions ask; None: there are none here."""

    def partition_of(self, tenant: str, name: str) -> int:
        """Return the partition that decides on a lock. Raises `BadArgument` if nothing can have this name."""
        problem = name_problem(name)
        if problem is not None:
            raise BadArgument(problem.message, code=problem.code)
        return partition_of(key_of(tenant, name), self.partitions)
