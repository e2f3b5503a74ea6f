"""The client: what `tidelock.connect` gives."""

import asyncio
import secrets
import ssl
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Any, TypeVar, Unpack, overload

from streams.catalog import KINDS
from streams.domain.decider import Rejected
from streams.domain.kind import KindSpec
from streams.domain.locks.commands import Transaction
from streams.domain.locks.replies import LockState
from streams.domain.value import value
from streams.log.positions import PartitionId, Position
from streams.wire.keys import name_problem
from streams.wire.messages import Barrier, EndSession
from tidelock.client.caches.administration import Administered
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.registry import CachesInUse
from tidelock.client.caches.terms import CacheUse
from tidelock.client.clock import BootClock, Clock
from tidelock.client.errors import BadArgument, ClientClosed, ConnectionLost, TidelockError
from tidelock.client.keeper import Keeper
from tidelock.client.lock import Lock
from tidelock.client.locks import Locks
from tidelock.client.membership import Membership
from tidelock.client.names import check_name
from tidelock.client.nodes.node import Node
from tidelock.client.nodes.presence import Presence
from tidelock.client.nodes.service import Service
from tidelock.client.nodes.transport import Nodes
from tidelock.client.queues.access import Accesses
from tidelock.client.queues.codecs import Bytes, Codec
from tidelock.client.queues.commands import Queues
from tidelock.client.queues.queue import Queue
from tidelock.client.rejections import rejection_error
from tidelock.client.session import Session
from tidelock.client.settings import Settings, Tap, addresses_of, check_identity, check_timeout, token_of
from tidelock.client.several import SeveralLocks
from tidelock.client.terms import LockOptions, Terms
from tidelock.client.transactions import LockTransaction


@value
class Answered:
    """What a command came to."""

    reply: Any
    position: Position | None
    """The commit that decided it; None if it was answered without one."""
    attached: tuple[Any, ...] = ()
    """What the reply only names: messages, values, calls."""


_T = TypeVar("_T")

CLOSE_S = 2.0
"""How long closing waits for what was released to be confirmed."""


class Client:
    """One client of a Tidelock cluster, on one event loop. Made by `connect`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._session = Session(settings, clock)
        self._clock = clock
        self._keeper = Keeper(self._session)
        self._closed: asyncio.Event | None = None
        self.locks = Locks(self._session)
        """The commands of locks, one call each, without background renewal."""
        self.queues = Queues(self._session)
        """The commands of queues, one call and one shard each."""
        self._accesses = Accesses(self.queues)
        self._caches = CachesInUse(self._session)
        self._nodes = Nodes(self._session)
        self._services: dict[str, Service] = {}
        self._presence = None if settings.node is None else Presence(settings.node, self._nodes, self._lose)

    @property
    def node(self) -> Presence:
        """The node that this client is. Raises `BadArgument` if it is none."""
        if self._presence is None:
            raise BadArgument(
                "This client is no node. Make it one: tidelock.connect(..., node=tidelock.Node(...))."
            )
        return self._presence

    @property
    def id(self) -> str:
        """The client's id; with the principal and a handle it names a holder."""
        return self._session.id

    @property
    def tenant(self) -> str:
        """The tenant whose names this client uses; the token fixes it."""
        return self._session.cluster.tenant

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the kinds that this cluster serves."""
        return tuple(self._session.cluster.kinds)

    def partitions(self, kind: str) -> int:
        """Return how many partitions `kind` has in this cluster. Raises `BadArgument`."""
        return len(self._session.partitions(kind))

    def lock(self, name: str, **options: Unpack[LockOptions]) -> Lock:
        """Return the lock `name`: `async with client.lock("orders/42", ttl=30, wait=10) as held: ...`."""
        return Lock(name, Terms(**options), self.locks, self._keeper)

    def acquire_all(self, names: Iterable[str], **options: Unpack[LockOptions]) -> SeveralLocks:
        """Return several locks, taken in the order of their names, all or none."""
        return SeveralLocks(names, Terms(**options), self._clock, self.locks, self._keeper)

    def transaction(self, *, started_ms: int | None = None) -> LockTransaction:
        """Return a transaction; give the `started_ms` of one that failed by `Deadlock` to run it again."""
        if started_ms is None:
            started_ms = self.now_ms()
        transaction = Transaction(secrets.token_hex(8), started_ms)
        return LockTransaction(transaction, self._clock, self.locks, self._keeper)

    @overload
    def queue(self, name: str) -> Queue[bytes]: ...

    @overload
    def queue(self, name: str, *, codec: Codec[_T]) -> Queue[_T]: ...

    def queue(self, name: str, *, codec: Codec[Any] | None = None) -> Queue[Any]:
        """Return the queue `name`: `await client.queue("orders").put(b"...")`. `codec`: what payloads are made of."""
        check_name(name, "Queue")
        return Queue(self._accesses.of(name), codec or Bytes())

    @overload
    def cache(self, name: str) -> Cache[bytes]: ...

    @overload
    def cache(self, name: str, **use: Unpack[CacheUse]) -> Cache[Any]: ...

    def cache(self, name: str, **use: Unpack[CacheUse]) -> Cache[Any]:
        """Return the cache `name`: `await client.cache("prices").get("sku/42")`. See `CacheUse` for the options.

        One of each name a client: who asks again gets the same one.
        """
        return self._caches.of(name, **use)

    def administer_cache(self, name: str) -> Administered:
        """Return what makes, changes, removes and counts the cache `name`, for whom it is one of any number."""
        return self._caches.administered(name)

    def service(self, name: str) -> Service:
        """Return the service `name`, to be offered, watched or called: `await client.service("api").instances()`."""
        service = self._services.get(name)
        if service is None:
            service = self._services[name] = Service(name, self._nodes, self._presence)
        return service

    async def inspect(self, name: str) -> LockState:
        """Return the holders and waiters of the lock `name`, never stale."""
        return await self.locks.inspect(name)

    async def command(
        self,
        kind: str,
        command: object,
        *,
        handle: str = "",
        timeout: float | None = None,
        traceparent: str | None = None,
        session: str | None = None,
    ) -> Any:
        """Send any command of any kind; return its (final) reply. Raises `TidelockError` for what is refused.

        `handle`: which of this client's handles asks. `session`: of the node it acts for; None: this client's own, if
        it is one; '': none.
        """
        answer = await self.ask(
            kind, command, handle=handle, timeout=timeout, traceparent=traceparent, session=session
        )
        return answer.reply

    async def ask(
        self,
        kind: str,
        command: object,
        *,
        handle: str = "",
        timeout: float | None = None,
        traceparent: str | None = None,
        session: str | None = None,
    ) -> Answered:
        """Do as `command` does; tell too which commit decided it. A refusal's is in its `position`."""
        pending = self._session.submit(
            self._partition(kind, command),
            command,
            handle,
            None if timeout is None else check_timeout(timeout),
            traceparent=traceparent,
            session=session,
        )
        reply = await self._session.outcome(pending)
        error = rejection_error(reply, kind=kind) if isinstance(reply, Rejected) else reply
        if isinstance(error, TidelockError):
            error.position = pending.position
            raise error
        return Answered(reply, pending.position, tuple(map(pending.decode, pending.payloads)))

    def held_for(self, name: str, expires_at: int) -> float:
        """Return for how many seconds a lease of the lock `name` that ends at `expires_at` lasts for certain."""
        partition = self._session.partition_of("locks", name)
        return max(0.0, partition.trusted_until(expires_at) - self._clock.now())

    def lease_ms(self, where: PartitionId) -> int:
        """Return which lease time it is in a partition that has answered this client, at the most."""
        return self._session.partition(where.kind, where.partition).lease_ms(self._clock.now())

    def _partition(self, kind: str, command: object) -> Any:
        session = self._session
        codec = session.codec(kind)
        if isinstance(command, Barrier | EndSession):
            return session.partition(kind, command.partition)
        codec.check(command)
        name = codec.spec.key_of(command)
        refused = name_problem(name)
        if refused is not None:
            raise rejection_error(refused)
        return session.partition_of(kind, name)

    def now_ms(self) -> int:
        """Return the wall time in ms since 1970 by the cluster's time, not by this machine's wall clock."""
        now = self._clock.now()
        return max(partition.wall_ms(now) for partition in self._session.cluster.partitions)

    @property
    def is_connected(self) -> bool:
        """Whether a worker that leads a partition was found."""
        return self._session.is_started

    @property
    def met_standbys_only(self) -> bool:
        """Whether workers answered, but none that leads a partition."""
        return self._session.router.met_standbys_only

    @property
    def why(self) -> TidelockError | None:
        """Why the latest attempt to reach a worker failed, if one did."""
        return self._session.router.why

    async def open(self) -> None:
        """Connect. `connect` does it."""
        await self._session.start()
        if self._presence is not None:
            await self._presence.join()

    async def close(self) -> None:
        """Release what is held, take back what waits, and disconnect. Meanwhile nothing new is taken.

        Of several calls the first does it; the others return when it is done.
        """
        if self._closed is not None:
            await self._closed.wait()
            return
        self._closed = asyncio.Event()
        self._session.closing = True
        try:
            await self._caches.close(CLOSE_S)
            self._let_go()
            await self._session.drain(CLOSE_S)
        finally:
            await self._session.close()
            self._closed.set()

    def _lose(self, member: Membership, why: str) -> None:
        self._keeper.lose_all(member, why)
        self._accesses.lose(member, why)
        self._caches.lose(member, why)

    def _let_go(self) -> None:
        for held in self._keeper.held:
            held.give_up("the client was closed")
        for pending in self._session.open_commands():
            if pending.asked[0]:
                self.locks.withdraw_nowait(pending)
                self._session.abandon(pending)
        self._keeper.close()
        self._accesses.let_go()
        for service in self._services.values():
            service.close()
        if self._presence is not None:
            self._presence.leave_nowait()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Connecting:
    """What `connect` returns: `async with` it, or await it and close the client yourself."""

    def __init__(self, settings: Settings, timeout_s: float, clock: Clock | None) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._clock = clock
        self._client: Client | None = None

    async def _open(self) -> Client:
        client = Client(self._settings, self._clock or BootClock())
        try:
            async with asyncio.timeout(self._timeout_s):
                await client.open()
        except TimeoutError:
            await client.close()
            raise self._nobody(client) from None
        except BaseException:
            await client.close()
            raise
        return client

    def _nobody(self, client: Client) -> ConnectionLost:
        workers = ", ".join(self._settings.addresses)
        if client.met_standbys_only:
            return ConnectionLost(
                f"No worker led a partition within {self._timeout_s} s (asked from {workers}). "
                "The cluster is starting, or it cannot reach its broker: see `tidelock status`, try again."
            )
        if client.is_connected:
            return ConnectionLost(
                f"A worker answered, but the node was not registered within {self._timeout_s} s. "
                "Do the workers lead the partitions of nodes? See `tidelock status`, try again."
            )
        why = "" if client.why is None else f" The latest attempt: {client.why}"
        return ConnectionLost(
            f"No worker answered within {self._timeout_s} s ({workers}). "
            f"Is TIDELOCK_WORKERS right? `tidelock env` knows. Do the workers serve TLS?{why}"
        )

    def __await__(self) -> Generator[Any, None, Client]:
        return self._open().__await__()

    async def __aenter__(self) -> Client:
        if self._client is not None:
            raise ClientClosed("This connect() was entered before. Call it again for another client.")
        self._client = await self._open()
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()


def connect(
    *addresses: str,
    token: str | Callable[[], str] | None = None,
    tls: ssl.SSLContext | None = None,
    timeout: float = 60.0,
    connect_timeout: float = 10.0,
    client_id: str | None = None,
    first_sequence: int = 1,
    on_answers: Tap | None = None,
    clock: Clock | None = None,
    kinds: tuple[KindSpec, ...] = KINDS,
    node: Node | None = None,
) -> Connecting:
    """Connect to a cluster by the addresses of one or more of its workers.

        async with tidelock.connect("127.0.0.1:7400", token="dev") as client:
            async with client.lock("orders/42") as held:
                ...

    Defaults: TIDELOCK_WORKERS (comma-separated, else 127.0.0.1:7400) and TIDELOCK_TOKEN. `token` may be a
    function, which is asked at each connect. `timeout`: how long a command is tried, in s, at most 300.
    `connect_timeout`: how long to look for a first worker that leads a partition. `clock`: for tests.
    `kinds`: whose commands may be sent. `node`: this client is that node; closing it ends the node's session.
    `client_id` with `first_sequence`: speak for a client that has ended, counting from far above its numbers (the
    wall time in ms will do), or for one that still runs, if both never use the same number: each gets its own
    answers. `on_answers`: is told of the client's id and each frame of answers before the client takes it.
    Raises `ConnectionLost`, `NotAuthenticated`, `BadArgument`; with a node `NodeAlive`, `NodeFlapping`,
    `SessionsUnswept`, too.
    """
    check_identity(client_id, first_sequence)
    settings = Settings(
        addresses_of(addresses),
        token_of(token),
        tls,
        check_timeout(timeout),
        client_id=client_id,
        first_sequence=first_sequence,
        on_answers=on_answers,
        kinds=kinds,
        node=node,
    )
    return Connecting(settings, connect_timeout, clock)
