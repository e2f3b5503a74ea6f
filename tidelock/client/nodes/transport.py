"""How commands of nodes and services come to their partitions, and what comes back."""

import asyncio
from typing import Any, Final, TypeVar

from streams.domain.nodes.commands import DiscoverInstances, WatchService, WithdrawWatch
from streams.domain.nodes.names import SERVICE
from streams.domain.nodes.replies import ServiceInstances, ServiceWatched
from tidelock.client.errors import OutcomeUnknown, ProtocolViolation
from tidelock.client.partition import Partition
from tidelock.client.pending import Outcome, Pending
from tidelock.client.rejections import problem
from tidelock.client.session import Session

_R = TypeVar("_R")

KIND: Final = "nodes"


class Nodes:
    """Sends commands of nodes and services over one connection pool. Names belong to the client's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clock = session.clock

    def of_node(self, name: str) -> Partition:
        """Return the partition that decides on a node. Raises `BadArgument`."""
        self.session.codec(KIND)
        return self.session.partition_of(KIND, name)

    def of_service(self, service: str) -> Partition:
        """Return the partition that decides on a service. Raises `BadArgument`."""
        return self.of_node(f"{SERVICE}{service}")

    async def ask(
        self, partition: Partition, command: Any, wanted: type[_R], about: str, **options: Any
    ) -> _R:
        """Return the answer to a command, which is to be a `wanted`. Raises its error. See `Session.submit`."""
        pending = self.session.submit(partition, command, **options)
        return checked(pending, await self.session.outcome(pending), wanted, about)

    async def discover(self, service: str) -> ServiceInstances:
        """Return a service's instances as its owner decided them: never stale."""
        pending = self.session.submit(self.of_service(service), DiscoverInstances(service), session="")
        checked(pending, await self.session.outcome(pending), ServiceWatched, service)
        return attached(pending)

    async def watch(self, service: str, known_version: int, wait_ms: int) -> ServiceInstances | None:
        """Return a service's instances as soon as they are of another version; None: they are not after `wait_ms`.

        A cancelled call leaves no wait behind.
        """
        command = WatchService(service, known_version, wait_ms)
        pending = self.session.submit(self.of_service(service), command, session="")
        pending.wait_s = wait_ms / 1000
        try:
            outcome = await self.session.outcome(pending, keep=True)
        except asyncio.CancelledError:
            self._withdraw_nowait(pending, service)
            raise
        if isinstance(outcome, OutcomeUnknown):
            self._withdraw_nowait(pending, service)
        watched = checked(pending, outcome, ServiceWatched, service)
        return attached(pending) if watched.changed else None

    def _withdraw_nowait(self, pending: Pending, service: str) -> None:
        session = self.session
        session.abandon(pending)
        if session.closed or pending.first_sent_s is None:
            return
        command = WithdrawWatch(service, pending.sequence)
        session.submit(
            pending.partition,
            command,
            on_done=lambda _: session.drop(pending),
            session="",
            while_closing=True,
        )


def attached(pending: Pending) -> ServiceInstances:
    """Return the instances that came with the answer."""
    for payload in pending.payloads:
        instances: ServiceInstances = pending.decode(payload)
        return instances
    raise ProtocolViolation("The worker named instances and sent none. Report it.")


def checked(pending: Pending, outcome: Outcome, wanted: type[_R], about: str) -> _R:
    """Return the outcome if it is the one hoped for. Raises its error; `about`: the node or service it is about."""
    if type(outcome) is wanted:
        return outcome
    error = problem(outcome, about)
    error.position = pending.position
    raise error
