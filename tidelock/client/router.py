"""Which worker gets a command: routes, connections, and trying again with patience.

Routes come from `Welcome` and from NOT_OWNER; a worker that cannot be reached loses its routes, and its
commands go to any other worker, which knows better. A worker that nothing names any more is forgotten.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Any, Protocol

from streams.wire.messages import Answers, Refused, Told, Welcome
from tidelock.client.clock import Clock, sleep_until
from tidelock.client.cluster import Cluster, cluster_of
from tidelock.client.endings import client_closed
from tidelock.client.errors import ConnectionLost, NotAuthenticated, ProtocolViolation, TidelockError
from tidelock.client.ledger import Ledger
from tidelock.client.link import Link
from tidelock.client.partition import Partition
from tidelock.client.pending import DONE, QUEUED, Pending
from tidelock.client.settings import Settings, Tap, ask_token

PARALLEL = 3
"""So many workers are tried at once when none is open."""
HEAD_START_S = 0.25
"""How long to wait for an attempt before the next begins beside it (as RFC 8305 does): most clients need one."""


class Traffic(Protocol):
    """Whoever owns the commands."""

    def on_answers(self, link: Link, answers: Answers) -> None:
        """Take answers and pushes."""

    def on_refused(self, link: Link, refused: Refused) -> None:
        """Take a refusal of one command."""

    def on_lost(self, link: Link, why: TidelockError) -> list[Pending]:
        """Return the commands to send again, now that `link` is gone."""

    def on_unwelcome(self, why: NotAuthenticated) -> None:
        """No worker will take commands under this token."""


class Router:
    """The links of one client and the routes over them."""

    def __init__(
        self, settings: Settings, client_id: str, clock: Clock, traffic: Traffic, ledger: Ledger
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._clock = clock
        self._traffic = traffic
        self._ledger = ledger
        self._links: dict[str, Link] = {}
        self._opening: dict[str, asyncio.Task[TidelockError | None]] = {}
        self._seeking: asyncio.Task[None] | None = None
        self._parked: list[Pending] = []
        self._closed = False
        self._jitter: Callable[[float, float], float] = random.uniform
        self._cluster: Cluster | None = None
        self._marked = False
        """Whether a worker that leads something told the time; until then no deadline can be named."""
        self.why: TidelockError | None = None
        """Why the latest attempt to reach a worker failed."""
        self._announced: dict[str, None] = dict.fromkeys(settings.addresses)
        """The addresses of the settings and of the last welcome's routes."""
        self.on_answers = tapped(traffic.on_answers, settings.on_answers, client_id)
        self.on_refused = traffic.on_refused
        for address in settings.addresses:
            self._link(address)

    # -- commands --------------------------------------------------------------------------------------------

    def dispatch(self, pending: Pending, now: float | None = None) -> None:
        """Send the command to its partition's owner, or as near to it as we know. `now`: if just looked up."""
        address = pending.partition.address
        if address is not None:
            link = self._links.get(address)
            if link is not None and link.is_open and pending.phase is QUEUED:
                link.submit(pending, now)
                return
        self._dispatch_slowly(pending)

    def tell(self, partition: Partition, told: Told) -> bool:
        """Send what no answer comes to, to the partition's owner; say whether it could be, now."""
        link = None if partition.address is None else self._links.get(partition.address)
        return link is not None and link.tell(told)

    def _dispatch_slowly(self, pending: Pending) -> None:
        if pending.phase is DONE:
            return
        link = self._route(pending.partition)
        if self._closed:
            self._ledger.finish(pending, client_closed(pending))
            return
        if link is None:
            pending.link = None
            self._parked.append(pending)
            self._seek()
            return
        link.submit(pending)
        if not link.is_open:
            self._open(link)

    def _route(self, partition: Partition) -> Link | None:
        address = partition.address
        if address is not None:
            return self._links.get(address) or self._link(address)
        return next((link for link in self._links.values() if link.is_open), None)

    def _link(self, address: str) -> Link:
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = Link(address, self, self._clock, self._ledger)
        return link

    @property
    def links(self) -> tuple[Link, ...]:
        """The workers that the settings or routes name, and those that are connected."""
        return tuple(self._links.values())

    @property
    def met_standbys_only(self) -> bool:
        """Whether workers answered, but none that leads a partition."""
        return self._cluster is not None and not self._marked

    # -- connections -----------------------------------------------------------------------------------------

    async def first(self) -> Cluster:
        """Return the cluster, once the time is known. Raises `NotAuthenticated`; tries for ever else."""
        while self._cluster is None or not self._marked:
            error = await self._seek_once()
            if isinstance(error, NotAuthenticated):
                raise error
        return self._cluster

    def _open(self, link: Link) -> "asyncio.Task[TidelockError | None]":
        task = self._opening.get(link.address)
        if task is None:
            task = asyncio.get_running_loop().create_task(
                self._opened(link), name=f"tidelock-open-{link.address}"
            )
            self._opening[link.address] = task
        return task

    async def _opened(self, link: Link) -> TidelockError | None:
        try:
            await self._attempt(link)
        except TidelockError as error:
            del self._opening[link.address]
            self.why = error
            self._back_off(link)
            self._reroute(link)
            self._forget_unnamed()
            if isinstance(error, NotAuthenticated):
                self._traffic.on_unwelcome(error)
            return error
        del self._opening[link.address]
        self._forget_unnamed()
        self._unpark()
        return None

    async def _attempt(self, link: Link) -> None:
        settings = self._settings
        await sleep_until(self._clock, link.not_before_s)
        welcome = await link.open(
            ask_token(settings.token), self._client_id, settings.tls, settings.connect_timeout_s
        )
        self._learn(link, welcome)
        if not self._marked:
            why = ConnectionLost(f"{link.address} leads no partition, so it cannot tell the time.")
            link.close(why)
            raise why
        if not link.start():
            raise ConnectionLost(f"{link.address} hung up right after its welcome.")
        link.failures = 0

    def _back_off(self, link: Link) -> None:
        link.failures += 1
        longest_s, first_s = self._settings.last_backoff_s, self._settings.first_backoff_s
        backoff_s = min(longest_s, first_s * 2 ** min(link.failures - 1, 10))
        link.not_before_s = self._clock.now() + self._jitter(backoff_s / 2, backoff_s)

    def _learn(self, link: Link, welcome: Welcome) -> None:
        if self._cluster is None:
            self._cluster = cluster_of(welcome)
        elif not self._cluster.sent(welcome):
            link.close(ConnectionLost("another cluster"))
            raise ProtocolViolation(
                f"{link.address} belongs to another cluster or tenant than those before. Check the addresses."
            )
        if welcome.mark_ms > 0:
            self._marked = True
            now = self._clock.now()
            for partition in self._cluster.partitions:
                partition.saw_mark(welcome.mark_ms, now)
        self._take_routes(self._cluster, welcome)

    def _take_routes(self, cluster: Cluster, welcome: Welcome) -> None:
        self._announced = dict.fromkeys(
            chain(self._settings.addresses, (route.address for route in welcome.routes))
        )
        for address in self._announced:
            self._link(address)
        for route in welcome.routes:
            partition = cluster.kinds[route.kind][route.partition]
            known = None if partition.address is None else self._links.get(partition.address)
            if known is None or not known.is_open:
                partition.address = route.address

    def _forget_unnamed(self) -> None:
        """Drop the workers that no route and no setting names, each after its pause: it must not be cut short."""
        named = set(self._announced)
        if self._cluster is not None:
            named.update(each.address for each in self._cluster.partitions if each.address is not None)
        long_ago_s = self._clock.now() - self._settings.last_backoff_s
        for address, link in list(self._links.items()):
            if (
                address not in named
                and address not in self._opening
                and not link.is_open
                and link.not_before_s < long_ago_s
            ):
                del self._links[address]

    def _unpark(self) -> None:
        parked, self._parked = self._parked, []
        for pending in parked:
            self.dispatch(pending)

    def _reroute(self, link: Link) -> None:
        """Look for the owners elsewhere: `link` cannot be opened."""
        for partition in () if self._cluster is None else self._cluster.partitions:
            if partition.address == link.address:
                partition.address = None
        for pending in link.take_queue():
            self.dispatch(pending)

    def _seek(self) -> None:
        if self._seeking is None and not self._closed:
            self._seeking = asyncio.get_running_loop().create_task(self._sought(), name="tidelock-seek")

    async def _sought(self) -> None:
        try:
            while self._parked and not any(link.is_open for link in self._links.values()):
                if isinstance(await self._seek_once(), NotAuthenticated):
                    self._parked.clear()
        finally:
            self._seeking = None
        self._unpark()

    async def _seek_once(self) -> TidelockError | None:
        """Try the workers, a few at once, until one is open or names others. Attempts under way are left to end."""
        error: TidelockError | None = None
        known, trying = set(self._links), list[asyncio.Task[TidelockError | None]]()
        waiting = deque(self._candidates())
        while (waiting or trying) and not any(link.is_open for link in self._links.values()):
            if waiting and len(trying) < PARALLEL:
                trying.append(self._open(waiting.popleft()))
            more = bool(waiting) and len(trying) < PARALLEL
            await asyncio.wait(
                trying, timeout=HEAD_START_S if more else None, return_when=asyncio.FIRST_COMPLETED
            )
            ended = [task for task in trying if task.done()]
            trying = [task for task in trying if not task.done()]
            for task in ended:
                error = task.result()
                if error is None or isinstance(error, NotAuthenticated) or not known.issuperset(self._links):
                    return error
        return error

    def _candidates(self) -> list[Link]:
        """Return all workers: first those of the settings and the last welcome, first those not tried for longest."""
        return sorted(
            self._links.values(), key=lambda link: (link.address not in self._announced, link.not_before_s)
        )

    def on_closed(self, link: Link, why: TidelockError) -> None:
        """Send again what was on its way over `link`."""
        if self._closed:
            return
        link.not_before_s = self._clock.now() + self._jitter(0, self._settings.first_backoff_s)
        again = sorted(
            (*self._traffic.on_lost(link, why), *link.take_queue()), key=lambda pending: pending.sequence
        )
        for pending in again:
            self.dispatch(pending)
        self._forget_unnamed()

    async def close(self) -> None:
        """Close all connections and stop trying."""
        self._closed = True
        tasks: list[asyncio.Task[Any]] = [
            *self._opening.values(),
            *([self._seeking] if self._seeking else []),
        ]
        for task in tasks:
            task.cancel()
        for link in self._links.values():
            link.finish()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pending in self._parked:
            self._ledger.finish(pending, client_closed(pending))
        self._parked.clear()


def tapped(
    take: Callable[[Link, Answers], None], tap: Tap | None, client_id: str
) -> Callable[[Link, Answers], None]:
    """Return `take`, after `tap` if there is one."""
    if tap is None:
        return take

    def first_the_tap(link: Link, answers: Answers) -> None:
        tap(client_id, answers)
        take(link, answers)

    return first_the_tap
