"""Nodes and services without async: the same calls, which block. Made by `tidelock.sync`.

with client.service("api").register(address="10.0.0.1:80") as offer:
    offer.report(True)
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, Unpack

from tidelock.client.errors import NoInstance
from tidelock.client.nodes.caller import Call
from tidelock.client.nodes.instance import Instance
from tidelock.client.nodes.offer import Offer as AsyncOffer
from tidelock.client.nodes.offer import OfferOptions
from tidelock.client.nodes.presence import Presence as AsyncPresence
from tidelock.client.nodes.service import Service as AsyncService

_T = TypeVar("_T")


class Loop(Protocol):
    """Runs coroutines elsewhere."""

    def run(self, work: Any) -> Any:
        """Return what `work` returns."""


class Presence:
    """The node that this client is."""

    def __init__(self, presence: AsyncPresence, loop: Loop) -> None:
        self._presence = presence
        self._loop = loop
        self.name = presence.name

    @property
    def session(self) -> str | None:
        """The session that commands carry; None: the last one ended, and the next has not begun."""
        return self._presence.session

    @property
    def is_draining(self) -> bool:
        """Whether the node is to get no new work, as the last heartbeat was told."""
        return self._presence.is_draining

    def expires_in(self) -> float:
        """Return for how many seconds the session lives for certain even if no heartbeat is answered any more."""
        return self._presence.expires_in()

    def joined(self) -> str:
        """Return the session, once there is one. Raises `NodeRetired`."""
        session: str = self._loop.run(self._presence.joined())
        return session


class Offer:
    """An instance that this client's node offers."""

    def __init__(self, offer: AsyncOffer, loop: Loop) -> None:
        self._offer = offer
        self._loop = loop

    def report(self, passing: bool, reason: str = "") -> bool:
        """Tell of one more check; return whether callers may choose the instance."""
        healthy: bool = self._loop.run(self._offer.report(passing, reason))
        return healthy

    def update(self, *, weight: int | None = None, metadata: Mapping[str, str] | None = None) -> None:
        """Change weight or metadata or both. Weight 0: chosen only where there is no other."""
        self._loop.run(self._offer.update(weight=weight, metadata=metadata))


class Service:
    """A service by its name."""

    def __init__(self, service: AsyncService, loop: Loop) -> None:
        self._service = service
        self._loop = loop

    @contextmanager
    def register(self, instance: str | None = None, **options: Unpack[OfferOptions]) -> Iterator[Offer]:
        """Offer the service for a block, on behalf of this client's node."""
        offer = self._service.register(instance, **options)
        self._loop.run(offer.open())
        try:
            yield Offer(offer, self._loop)
        finally:
            self._loop.run(offer.close())

    def instances(self) -> tuple[Instance, ...]:
        """Return all instances, healthy or not, by name, as the service's owner decided them: never stale."""
        instances: tuple[Instance, ...] = self._loop.run(self._service.instances())
        return instances

    def watch(self) -> Iterator[tuple[Instance, ...]]:
        """Yield all instances now, and again whenever they have changed."""
        watching = self._service.watch()

        async def following() -> tuple[Instance, ...]:
            return await anext(watching)

        try:
            while True:
                yield self._loop.run(following())
        finally:
            self._loop.run(watching.aclose())

    def call(
        self,
        fn: Callable[[Instance], _T],
        *,
        key: str | None = None,
        fallback: Callable[[Exception], _T] | None = None,
    ) -> _T:
        """Return what `fn`, which runs on this thread, returns for an instance. See `Caller.call`."""
        caller = self._service.usual_caller
        try:
            return self._tried(caller.begin(key), fn)
        except Exception as error:
            if fallback is None or not (isinstance(error, NoInstance) or caller.terms.is_failure(error)):
                raise
            return fallback(error)

    def _tried(self, call: Call, fn: Callable[[Instance], _T]) -> _T:
        while True:
            instance = self._loop.run(call.next())
            try:
                result = fn(instance)
            except BaseException as error:
                if not self._loop.run(_ended(call, error)):
                    raise
            else:
                self._loop.run(_ended(call, None))
                return result


async def _ended(call: Call, error: BaseException | None) -> bool:
    """Tell how an attempt ended, on the client's thread; return whether to try again."""
    if error is not None:
        return call.failed(error)
    call.succeeded()
    return False
