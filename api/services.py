"""What the API works with: made once a process by `server`, by tests from memory."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.errors import BadArgument
from api.hot.kinds import Hot
from api.identity import Authenticator
from api.letters import Letters
from api.ports import LiveCaches, LiveLocks, LiveNodes, LiveQueues, LogEnds
from api.resources import Resources
from api.sessions import Sessions
from api.values import LoggedValues
from streams.projections.activity.reads import ActivityReads
from streams.projections.caches.reads import CacheReads
from streams.projections.locks.reads import LockReads
from streams.projections.nodes.reads import NodeReads
from streams.projections.queues.reads import QueueReads
from streams.projections.reads import Progress, Standings
from streams.wire.keys import key_of, name_problem
from streams.wire.murmur2 import partition_of

LOCKS = "locks"


@dataclass(frozen=True, slots=True)
class Services:
    """All that resolvers reach through their context."""

    authenticator: Authenticator
    reads: LockReads
    progress: Progress
    log_ends: LogEnds
    sessions: Sessions
    partitions: Mapping[str, int]
    """How many each kind has."""
    page_key: bytes
    """Seals the cursors of pages: nodes that share it read each other's."""
    hot: Hot | None = None
    """Where things are looked up by name first; None: there are no hot copies."""
    activity: ActivityReads | None = None
    """Where open windows are looked up; None: there are no hot copies."""
    live: LiveLocks | None = None
    """What subscriptions of locks ask; None: there are none here."""
    live_queues: LiveQueues | None = None
    """The same of queues."""
    live_nodes: LiveNodes | None = None
    """The same of nodes and services."""
    resources: Resources | None = None
    """States and histories of any kind; None: there are none here."""
    queues: QueueReads | None = None
    """Read models of queues; None: there are none here."""
    nodes: NodeReads | None = None
    """Read models of nodes; None: there are none here."""
    caches: CacheReads | None = None
    """Read models of caches; None: there are none here."""
    live_caches: LiveCaches | None = None
    """What subscriptions of caches ask; None: there are none here."""
    values: LoggedValues | None = None
    """Values of cache entries, from the log; None: there are none here."""
    letters: Letters | None = None
    """Dead letters of the platform; None: there are none here."""
    tables: Standings | None = None
    """How far read models kept in tables are, by their hot copies; None: this node knows none."""
    everywhere: Standings | None = None
    """How far all kinds' read models are; None: those of locks alone are known."""

    @property
    def standings(self) -> Standings:
        """How far read models are."""
        return self.everywhere or self.reads

    def stream(self, name: str) -> Callable[..., AsyncGenerator[Any]]:
        """Return what yields the items of a subscription. Raises `BadArgument` if this node does not know the kind."""
        for live in (self.live, self.live_queues, self.live_nodes, self.live_caches):
            found: Callable[..., AsyncGenerator[Any]] | None = getattr(live, name, None)
            if found is not None:
                return found
        raise BadArgument("This node does not know that kind. Ask one that does.", code="KIND_UNKNOWN")

    def partition_of(self, tenant: str, name: str, kind: str = LOCKS) -> int:
        """Return the partition that decides on a resource. Raises `BadArgument` if nothing can have this name."""
        return home_of(self.partitions, kind, tenant, name)


def home_of(partitions: Mapping[str, int], kind: str, tenant: str, name: str) -> int:
    """Return the partition that decides on a resource. Raises `BadArgument` if nothing can have this name."""
    problem = name_problem(name)
    if problem is not None:
        raise BadArgument(problem.message, code=problem.code)
    return partition_of(key_of(tenant, name), partitions[kind])
