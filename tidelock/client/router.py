"""Which worker gets a command: routes, connections, and trying again with patience.

Routes come from `Welcome` and from NOT_OWNER; a worker that cannot be reached loses its routes, and its
commands go to any other worker, which knows better.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Protocol

from streams.wire.messages import Answers, Refused, Welcome
from tidelock.client.clock import Clock, sleep_until
from tidelock.client.errors import (
    ClientClosed,
    ConnectionLost,
    NotAuthenticated,
    ProtocolViolation,
    TidelockError,
)
from tidelock.client.ledger import Ledger
from tidelock.client.link import Link
from tidelock.client.partition import Partition
from tidelock.client.pending import DONE, QUEUED, Pending
from tidelock.client.settings import Settings, Tap


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
        self.welcome: Welcome | None = None
        self.marked = False
        """Whether a worker that leads something told the time; until then no deadline can be named."""
        self.kinds: dict[str, list[Partition]] = {}
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

    def _dispatch_slowly(self, pending: Pending) -> None:
        if pending.phase is DONE:
            return
        link = self._route(pending.partition)
        if self._closed:
            pending.settle(ClientClosed("The client is closed. Open another one."))
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
        """All workers that were ever heard of."""
        return tuple(self._links.values())

    # -- connections -----------------------------------------------------------------------------------------

    async def first(self) -> Welcome:
        """Return the first welcome, once the time is known. Raises `NotAuthenticated`; tries for ever else."""
        while self.welcome is None or not self.marked:
            error = await self._seek_once()
            if isinstance(error, NotAuthenticated):
                raise error
        return self.welcome

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
            self._back_off(link)
            self._reroute(link)
            if isinstance(error, NotAuthenticated):
                self._traffic.on_unwelcome(error)
            return error
        del self._opening[link.address]
        self._unpark()
        return None

    async def _attempt(self, link: Link) -> None:
        settings = self._settings
        await sleep_until(self._clock, link.not_before_s)
        welcome = await link.open(settings.token(), self._client_id, settings.tls, settings.connect_timeout_s)
        self._learn(link, welcome)
        if not self.marked:
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
        sizes = {each.kind: each.partitions for each in welcome.kinds}
        if self.welcome is None:
            self.welcome = welcome
            self.kinds = {
                kind: [Partition(kind, number) for number in range(size)] for kind, size in sizes.items()
            }
        elif (
            sizes != {kind: len(them) for kind, them in self.kinds.items()}
            or welcome.tenant != self.welcome.tenant
        ):
            link.close(ConnectionLost("another cluster"))
            raise ProtocolViolation(
                f"{link.address} belongs to another cluster or tenant than those before. Check the addresses."
            )
        if welcome.mark_ms > 0:
            self.marked = True
            now = self._clock.now()
            for partitions in self.kinds.values():
                for partition in partitions:
                    partition.saw_mark(welcome.mark_ms, now)
        for route in welcome.routes:
            partition = self.kinds[route.kind][route.partition]
            known = None if partition.address is None else self._links.get(partition.address)
            if known is None or not known.is_open:
                partition.address = route.address
            if not self.marked:
                self._link(route.address)

    def _unpark(self) -> None:
        parked, self._parked = self._parked, []
        for pending in parked:
            self.dispatch(pending)

    def _reroute(self, link: Link) -> None:
        """Look for the owners elsewhere: `link` cannot be opened."""
        for partitions in self.kinds.values():
            for partition in partitions:
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
        """Try the workers in turn, the one that failed longest ago first, until one is open or names others."""
        error: TidelockError | None = None
        known = len(self._links)
        for link in sorted(self._links.values(), key=lambda link: link.not_before_s):
            if link.is_open:
                return None
            error = await asyncio.shield(self._open(link))
            if error is None or isinstance(error, NotAuthenticated) or len(self._links) > known:
                return error
        return error

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
            pending.settle(ClientClosed("The client was closed before this command could be sent."))


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
