"""The client without async: the same calls, which block. One background thread runs the event loop.

    with tidelock.sync.connect("127.0.0.1:7400", token="dev") as client:
        with client.lock("orders/42", wait=10) as held:
            ...

Safe to use from several threads. A blocked call that is interrupted (Ctrl-C) is taken back like a cancelled
one. Nobody can cancel a thread: call `held.check()` before what must not be done without the lock;
leaving the block raises `LockLost`. `close` ends the calls of other threads; they and all later ones raise
`ClientClosed`, or `OutcomeUnknown` where a command was sent and its answer did not come in time.
"""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar, Unpack, overload

from streams.catalog import KINDS
from streams.domain.kind import KindSpec
from streams.domain.locks.replies import LockState
from tidelock.client.caches.blocking import Cache
from tidelock.client.caches.blocking_queries import CachedQuery, cached_query
from tidelock.client.caches.terms import CacheUse
from tidelock.client.client import Client as AsyncClient
from tidelock.client.client import connect as async_connect
from tidelock.client.errors import ClientClosed, LockLost
from tidelock.client.held import HeldLock as AsyncHeldLock
from tidelock.client.loop_thread import LoopThread, closed
from tidelock.client.nodes.blocking import Presence, Service
from tidelock.client.nodes.node import Node
from tidelock.client.queues.blocking import Queue
from tidelock.client.queues.codecs import Codec
from tidelock.client.settings import Tap
from tidelock.client.terms import LockOptions

__all__ = ["CachedQuery", "Client", "HeldLock", "cached_query", "connect"]
_T = TypeVar("_T")


class HeldLock:
    """A lock that this client holds; renewed in the background."""

    def __init__(self, held: AsyncHeldLock, loop: LoopThread) -> None:
        self._held = held
        self._loop = loop
        self.name = held.name

    @property
    def token(self) -> int:
        """The fencing token."""
        return self._held.token

    @property
    def mode(self) -> str:
        """EXCLUSIVE or SHARED."""
        return self._held.mode

    @property
    def is_lost(self) -> bool:
        """Whether the lease can no longer be trusted although it was not released."""
        return self._held.is_lost

    def expires_in(self) -> float:
        """Return for how many seconds the lock is held for certain unless it is renewed."""
        return self._held.expires_in()

    def check(self) -> None:
        """Raise `LockLost` if the lock is not held for certain right now."""
        self._held.check()

    def renew(self, ttl: float | None = None) -> None:
        """Let the lease run `ttl` s (default: as before) from now."""
        self._loop.run(self._held.renew(ttl))

    def upgrade(self, *, wait: float | None = None) -> None:
        """Hold exclusively what is held shared, under a new token."""
        self._loop.run(self._held.upgrade(wait=wait))

    def downgrade(self) -> None:
        """Hold shared what is held exclusively, under the same token."""
        self._loop.run(self._held.downgrade())

    def release(self) -> None:
        """Give the lock back. Raises `LockLost` if it was lost before."""
        self._loop.run(self._held.release())


class Client:
    """A client of a cluster, for code without async. Made by `connect`."""

    def __init__(self, client: AsyncClient, loop: LoopThread) -> None:
        self._client = client
        self._loop = loop

    @property
    def id(self) -> str:
        """The client's id; with the principal and a handle it names a holder."""
        return self._client.id

    def acquire(self, name: str, **options: Unpack[LockOptions]) -> HeldLock:
        """Take the lock `name`; release it yourself."""
        lock = self._client.lock(name, **options)
        return HeldLock(self._loop.run(self._taken(lock.acquire, AsyncHeldLock.release)), self._loop)

    @contextmanager
    def lock(self, name: str, **options: Unpack[LockOptions]) -> Iterator[HeldLock]:
        """Hold the lock `name` for a block."""
        held = self.acquire(name, **options)
        with _releasing(held):
            yield held

    @contextmanager
    def acquire_all(
        self, names: Iterable[str], **options: Unpack[LockOptions]
    ) -> Iterator[Mapping[str, HeldLock]]:
        """Hold several locks for a block, taken in the order of their names, all or none."""
        options["cancel_on_loss"] = False
        several = self._client.acquire_all(names, **options)

        async def leave(_: object = None) -> None:
            await several.__aexit__(None, None, None)

        held = self._loop.run(self._taken(several.__aenter__, leave))
        try:
            yield {name: HeldLock(each, self._loop) for name, each in held.items()}
        finally:
            self._loop.run(leave())

    @overload
    def queue(self, name: str) -> Queue[bytes]: ...

    @overload
    def queue(self, name: str, *, codec: Codec[_T]) -> Queue[_T]: ...

    def queue(self, name: str, *, codec: Codec[Any] | None = None) -> Queue[Any]:
        """Return the queue `name`: `client.queue("orders").put(b"...")`."""
        queue = self._client.queue(name) if codec is None else self._client.queue(name, codec=codec)
        return Queue(queue, self._loop)

    @overload
    def cache(self, name: str) -> Cache[bytes]: ...

    @overload
    def cache(self, name: str, **use: Unpack[CacheUse]) -> Cache[Any]: ...

    def cache(self, name: str, **use: Unpack[CacheUse]) -> Cache[Any]:
        """Return the cache `name`: `client.cache("prices").get("sku/42")`."""
        return Cache(self._client.cache(name, **use), self._loop)

    @property
    def node(self) -> Presence:
        """The node that this client is. Raises `BadArgument` if it is none."""
        return Presence(self._client.node, self._loop)

    def service(self, name: str) -> Service:
        """Return the service `name`, to be offered, watched or called: `client.service("api").instances()`."""
        return Service(self._client.service(name), self._loop)

    def inspect(self, name: str) -> LockState:
        """Return the holders and waiters of the lock `name`, never stale."""
        return self._loop.run(self._client.inspect(name))

    def command(self, kind: str, command: object, *, handle: str = "", timeout: float | None = None) -> Any:
        """Send any command of any kind; return its (final) reply."""
        return self._loop.run(self._client.command(kind, command, handle=handle, timeout=timeout))

    def close(self) -> None:
        """Release what is held and disconnect. Of several calls the first does it; the others wait for it."""
        self._loop.stop(self._client.close)

    async def _taken(
        self, take: Callable[[], Awaitable[_T]], give_back: Callable[[_T], Awaitable[None]]
    ) -> _T:
        """Return what `take` takes, unless it came only while the client was being closed."""
        taken = await take()
        if not self._loop.stopping:
            return taken
        try:
            await give_back(taken)
        except LockLost as error:
            raise closed() from error
        raise closed()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _releasing(held: HeldLock) -> Iterator[None]:
    """Release in the end; an error of the block matters more than one of the release."""
    try:
        yield
    except BaseException:
        if not held.is_lost:
            _release_quietly(held)
        raise
    held.release()


def _release_quietly(held: HeldLock) -> None:
    """Release while another error is on its way. Closing the client meanwhile has given the lock back, too."""
    try:
        held.release()
    except ClientClosed:
        return


def connect(
    *addresses: str,
    token: str | Callable[[], str] | None = None,
    tls: ssl.SSLContext | None = None,
    timeout: float = 60.0,
    connect_timeout: float = 10.0,
    client_id: str | None = None,
    first_sequence: int = 1,
    on_answers: Tap | None = None,
    kinds: tuple[KindSpec, ...] = KINDS,
    node: Node | None = None,
) -> Client:
    """Connect to a cluster. See `tidelock.connect`; close the client when done, or use `with`.

    `token` (if it is a function), `on_answers` and the callbacks of `node` are called on the client's own thread: a
    blocking call there raises `BadArgument`.
    """
    loop = LoopThread()

    async def opened() -> AsyncClient:
        return await async_connect(
            *addresses,
            token=token,
            tls=tls,
            timeout=timeout,
            connect_timeout=connect_timeout,
            client_id=client_id,
            first_sequence=first_sequence,
            on_answers=on_answers,
            kinds=kinds,
            node=node,
        )

    try:
        return Client(loop.run(opened()), loop)
    except BaseException:
        loop.stop()
        raise
