"""What every resolver may use. Made for each request (or connection) by `app`; types and resolvers know only this."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from strawberry.types.info import Info as StrawberryInfo

from api.errors import BadArgument
from api.identity import Identity
from api.letters import Letters
from api.loaders import Loaders
from api.paging import InnerPages, Seal
from api.payloads import PayloadRoom
from api.services import Services
from api.values import ValueRoom
from streams.projections.caches.reads import CacheReads
from streams.projections.nodes.reads import NodeReads
from streams.projections.queues.reads import QueueReads
from streams.projections.reads import AuditReads


@dataclass(slots=True)
class Context:
    """One request, or one WebSocket connection."""

    identity: Identity
    services: Services
    loaders: Loaders
    payloads: PayloadRoom = field(default_factory=PayloadRoom)
    inner: InnerPages = field(default_factory=InnerPages)
    values: ValueRoom = field(default_factory=ValueRoom)

    @property
    def tenant(self) -> str:
        """Of whoever asks: in every question."""
        return self.identity.tenant

    def stream(self, name: str) -> Callable[..., AsyncGenerator[Any]]:
        """Return what yields the items of a subscription. Raises `BadArgument`."""
        return self.services.stream(name)

    @property
    def queues(self) -> QueueReads:
        """The read models of queues. Raises `BadArgument` where there are none."""
        if self.services.queues is None:
            raise BadArgument("This node knows no queues. Ask one that does.", code="KIND_UNKNOWN")
        return self.services.queues

    @property
    def nodes(self) -> NodeReads:
        """The read models of nodes. Raises `BadArgument` where there are none."""
        if self.services.nodes is None:
            raise BadArgument("This node of the API knows no nodes. Ask one that does.", code="KIND_UNKNOWN")
        return self.services.nodes

    @property
    def caches(self) -> CacheReads:
        """The read models of caches. Raises `BadArgument` where there are none."""
        if self.services.caches is None:
            raise BadArgument("This node knows no caches. Ask one that does.", code="KIND_UNKNOWN")
        return self.services.caches

    @property
    def letters(self) -> Letters:
        """The dead letters of the platform."""
        letters = self.services.letters
        assert letters is not None, "only who serves queries of logs runs them"
        return letters

    def audit(self, kind: str) -> AuditReads:
        """The audit of a kind. Raises `BadArgument` where there is none."""
        match kind:
            case "locks":
                return self.services.reads
            case "queues":
                return self.queues
            case "nodes":
                return self.nodes
            case "caches":
                return self.caches
        raise BadArgument(
            f"There is no kind {kind[:80]!r}. Ask for locks, queues, nodes or caches.", code="KIND_UNKNOWN"
        )

    def seal(self, of: str, *types: type) -> Seal:
        """Return what seals the cursors of one list for whoever asks."""
        return Seal(self.services.page_key, of, self.identity.tenant, types)


def context_of(services: Services, identity: Identity) -> Context:
    """Return the context of one request."""
    told = (services.queues, services.nodes, services.caches)
    loaders = Loaders(services.reads, identity.tenant, services.hot, *told)
    return Context(identity, services, loaders)


Info: TypeAlias = StrawberryInfo[Context, Any]
