"""One instance that this client's node offers: `async with client.service("api").register() as offer: ...`."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypedDict

from streams.domain.nodes.commands import DeregisterInstance, RegisterInstance, ReportHealth, UpdateInstance
from streams.domain.nodes.replies import HealthTaken, InstanceClosed, InstanceKept
from tidelock.client.errors import ClientClosed, SessionEnded, TidelockError
from tidelock.client.nodes.node import labels_of, printable
from tidelock.client.nodes.presence import Presence
from tidelock.client.nodes.transport import Nodes


class OfferOptions(TypedDict, total=False):
    """What may be said of an instance."""

    address: str
    """Where to call it; default: the node's."""
    zone: str
    """Default: the node's."""
    weight: int
    """0 to 1,000, default 100; 0: chosen only where there is no other."""
    metadata: Mapping[str, str]
    """Up to 32, 4 KiB in all."""
    healthy: bool
    """Whether it may be chosen before the first check; default: yes."""
    rise: int
    """So many passed checks in a row make it healthy: 1 to 100, default 2."""
    fall: int
    """So many failed checks in a row make it unhealthy: 1 to 100, default 3."""


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """`OfferOptions` with their defaults, and the instance's id."""

    instance: str
    """1 to 128 printable characters."""
    address: str = ""
    zone: str = ""
    weight: int = 100
    metadata: Mapping[str, str] = field(default_factory=dict)
    healthy: bool = True
    rise: int = 2
    fall: int = 3


class Offer:
    """An instance, offered until the block ends, the client closes, or the node dies; again by its next session."""

    def __init__(self, service: str, terms: OfferTerms, presence: Presence, nodes: Nodes) -> None:
        self.service = service
        self.name = terms.instance
        self.healthy = terms.healthy
        """As last decided."""
        self._terms = terms
        self._presence = presence
        self._nodes = nodes
        self._partition = nodes.of_service(service)
        self._weight, self._metadata = terms.weight, dict(terms.metadata)
        self._passing, self._streak = terms.healthy, 0
        self._speaking = asyncio.Lock()
        self._said: tuple[str | None, bool] = (None, False)
        """For which session it was offered last, and whether as draining."""

    async def open(self) -> "Offer":
        """Offer it. Raises `InstanceTaken`, `ServiceFull`, `BadArgument`, `SessionEnded`."""
        await self._register()
        self._presence.offers[self] = None
        if self._said != self._to_say():  # something happened before the answer came
            with suppress(SessionEnded):  # the next session offers it anyway
                await self.restore()
        return self

    def _to_say(self) -> tuple[str | None, bool]:
        presence = self._presence
        return presence.session, presence.is_draining

    async def restore(self) -> None:
        """Offer it as it is now on behalf of the live session, if it is still to be offered."""
        async with self._speaking:
            if self in self._presence.offers:
                await self._register()

    async def _register(self) -> None:
        terms = self._terms
        self._said = self._to_say()
        command = RegisterInstance(
            self.service, self.name, terms.address, terms.zone, self._weight, labels_of(self._metadata),
            self.healthy, terms.rise, terms.fall, self._said[1],
        )  # fmt: skip
        await self._nodes.ask(self._partition, command, InstanceKept, self.service)

    async def update(self, *, weight: int | None = None, metadata: Mapping[str, str] | None = None) -> None:
        """Change weight or metadata or both. Raises `InstanceUnknown`, `BadArgument`.

        Weight 0: chosen only where there is no other.
        """
        async with self._speaking:
            weight = self._weight if weight is None else weight
            words = self._metadata if metadata is None else dict(metadata)
            command = UpdateInstance(self.service, self.name, weight, labels_of(words), 0)
            await self._nodes.ask(self._partition, command, InstanceKept, self.service)
            self._weight, self._metadata = weight, words

    async def report(self, passing: bool, reason: str = "") -> bool:
        """Tell of one more check; return whether callers may choose the instance.

        Counts checks of the same outcome in a row, and sends them once they are enough to change that. Raises
        `InstanceUnknown`, `SessionEnded`; call again with the next check.
        """
        self._streak = self._streak + 1 if passing == self._passing else 1
        self._passing = passing
        if passing == self.healthy or self._streak < (self._terms.rise if passing else self._terms.fall):
            return self.healthy
        command = ReportHealth(self.service, self.name, passing, self._streak, printable(reason))
        taken = await self._nodes.ask(self._partition, command, HealthTaken, self.service)
        self.healthy = taken.healthy
        return taken.healthy

    async def close(self) -> None:
        """Offer it no longer. Without a session it is not offered anyway."""
        self._presence.offers.pop(self, None)
        if self._presence.session is None:
            return
        async with self._speaking:
            with suppress(SessionEnded, ClientClosed):
                await self._nodes.ask(
                    self._partition, self._leaving(), InstanceClosed, self.service, while_closing=True
                )

    def withdraw_nowait(self) -> None:
        """Offer it no longer; awaits nothing."""
        self._presence.offers.pop(self, None)
        if self._presence.session is not None:
            self._nodes.session.submit(self._partition, self._leaving(), while_closing=True)

    def _leaving(self) -> DeregisterInstance:
        return DeregisterInstance(self.service, self.name)

    async def __aenter__(self) -> "Offer":
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except TidelockError:
            if error is None:  # that of the block matters more
                raise

    def __repr__(self) -> str:
        return f"<Offer {self.name!r} of service {self.service!r}>"
