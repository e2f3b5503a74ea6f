"""`client.service(...)`: a service, to be offered, watched or called."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, Unpack

from tidelock.client.errors import BadArgument
from tidelock.client.nodes.caller import Caller, CallTerms
from tidelock.client.nodes.instance import Instance, instances_of
from tidelock.client.nodes.offer import Offer, OfferOptions, OfferTerms
from tidelock.client.nodes.presence import Presence
from tidelock.client.nodes.transport import Nodes
from tidelock.client.nodes.watched import Watched

_T = TypeVar("_T")


class Service:
    """A service by its name; one object for all of a client's tasks, so that they share its watch and circuits."""

    def __init__(self, name: str, nodes: Nodes, presence: Presence | None) -> None:
        self.name = name
        self._nodes = nodes
        self._presence = presence
        self._watched = Watched(name, nodes)
        self._caller: Caller | None = None

    def register(self, instance: str | None = None, **options: Unpack[OfferOptions]) -> Offer:
        """Return an offer of this service by this client's node: `async with` it, or await its `open`.

        `instance`: default: the node's name. Raises `BadArgument` if this client is no node.
        """
        presence = self._presence
        if presence is None:
            raise BadArgument(
                "A service is offered on behalf of a node: tidelock.connect(..., node=tidelock.Node(...))."
            )
        node = presence.node
        name = node.name if instance is None else instance
        usual: OfferOptions = {"address": node.address, "zone": node.zone}
        return Offer(self.name, OfferTerms(name, **(usual | options)), presence, self._nodes)

    async def instances(self) -> tuple[Instance, ...]:
        """Return all instances, healthy or not, by name, as the service's owner decided them: never stale."""
        return instances_of(self.name, await self._nodes.discover(self.name))

    async def watch(self) -> AsyncGenerator[tuple[Instance, ...]]:
        """Yield all instances now, and again whenever they have changed. Who is slow gets the newest only."""
        watched, known = self._watched, None
        watched.users += 1
        try:
            while True:
                known = await watched.other_than(known)
                yield known
        finally:
            watched.users -= 1

    def caller(self, **options: Any) -> Caller:
        """Return a caller with circuits and a retry budget of its own. Options: the fields of `CallTerms`."""
        terms = CallTerms(**options)
        if terms.zone is None and self._presence is not None:
            terms = replace(terms, zone=self._presence.node.zone)
        return Caller(self._watched, terms, self._nodes.clock)

    async def call(
        self,
        fn: Callable[[Instance], Awaitable[_T]],
        *,
        key: str | None = None,
        fallback: Callable[[Exception], _T | Awaitable[_T]] | None = None,
    ) -> _T:
        """Call an instance by the usual terms. See `Caller.call`."""
        return await self.usual_caller.call(fn, key=key, fallback=fallback)

    @property
    def usual_caller(self) -> Caller:
        """Who calls by the usual terms for all of a client's tasks."""
        if self._caller is None:
            self._caller = self.caller()
        return self._caller

    def close(self) -> None:
        """Watch no more. For the client that is closed."""
        self._watched.close()
