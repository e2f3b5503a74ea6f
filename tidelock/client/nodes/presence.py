"""`client.node`: the node that this client is, from session to session.

A session that ends takes along everything held on its behalf, at once. Then, if asked, the node registers anew.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from streams.domain.nodes.commands import Check, DeregisterNode, Health, RegisterNode, ReportChecks
from streams.domain.nodes.replies import NodeJoined, NodeKept
from tidelock.client.errors import (
    BadArgument,
    ClientClosed,
    NodeAlive,
    NodeRetired,
    NotAuthenticated,
    NotAuthorized,
    NotYours,
    SessionEnded,
    TidelockError,
)
from tidelock.client.membership import Membership
from tidelock.client.nodes.events import Feed, Herald, NodeEvent, What
from tidelock.client.nodes.heart import Heart
from tidelock.client.nodes.node import Node, printable
from tidelock.client.nodes.persisting import persist
from tidelock.client.nodes.transport import Nodes, checked
from tidelock.client.pending import Pending

FINAL: Final = (BadArgument, ClientClosed, NodeAlive, NotAuthenticated, NotAuthorized, NotYours)
"""What registering again would meet again: somebody else is the node now, or this client may not be one."""
FINAL_OF_OFFERS: Final = (BadArgument, ClientClosed, NotAuthorized, NotYours, NodeRetired, SessionEnded)
log = logging.getLogger("tidelock.nodes")


class Offered(Protocol):
    """What the node offers while it is there."""

    async def restore(self) -> None:
        """Offer it on behalf of the new session."""

    def withdraw_nowait(self) -> None:
        """Offer it no longer."""


class Presence:
    """One node, as one client is it. Made by `connect(..., node=...)`."""

    def __init__(self, node: Node, nodes: Nodes, lose: Callable[[Membership, str], None]) -> None:
        """`lose`: tell all who hold something on behalf of a session that it can no longer be trusted."""
        self.node = node
        self.offers: dict[Offered, None] = {}
        """What is offered, oldest first."""
        self._nodes = nodes
        self._session = nodes.session
        self._lose = lose
        self._herald = Herald(node.on_event)
        self._heart: Heart | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._retired: str | None = None
        self._closing = False

    # -- for the application ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def session(self) -> str | None:
        """The session that commands carry; None: the last one ended, and the next has not begun."""
        member = self._session.member
        return None if member is None else member.session

    @property
    def is_silent(self) -> bool:
        """Whether no heartbeat was answered in time: the node may be dead, and nothing it holds can be trusted."""
        return self._heart is not None and self._heart.is_silent

    @property
    def is_draining(self) -> bool:
        """Whether the node is to get no new work, as the last heartbeat was told. Its offers say so by themselves."""
        return self._heart is not None and self._heart.is_draining

    def expires_in(self) -> float:
        """Return for how many seconds the session lives for certain even if no heartbeat is answered any more."""
        member = self._session.member
        return 0.0 if member is None else max(0.0, member.trusted_until() - self._nodes.clock.now())

    def events(self) -> Feed:
        """Return what becomes of the sessions from now on: `async for event in client.node.events()`."""
        return self._herald.feed()

    async def joined(self) -> str:
        """Return the session, once there is one. Raises `NodeRetired`, `ClientClosed`."""
        while (session := self.session) is None:
            if self._retired is not None or self._closing:
                raise self._gone()
            await self._changed.wait()
        return session

    async def report_checks(self, checks: Iterable[tuple[str, Health, str]]) -> bool:
        """Tell the outcomes of the node's own checks: (name, health, output) each. Return whether it is drained."""
        told = tuple(Check(name, health, printable(output)) for name, health, output in checks)
        command = ReportChecks(self.name, self.session_now(), told)
        kept = await self._nodes.ask(self._nodes.of_node(self.name), command, NodeKept, self.name)
        return kept.draining

    def session_now(self) -> str:
        """Return the live session. Raises `SessionEnded`, `NodeRetired`."""
        session = self.session
        if session is None:
            raise self._gone()
        return session

    # -- for the client --------------------------------------------------------------------------------------

    async def join(self) -> None:
        """Register. Raises `NodeAlive`, `NodeFlapping`, `SessionsUnswept`, `BadArgument`."""
        try:
            await self._register("")
        except NodeAlive as error:
            if not self.node.take_over:
                raise
            await self._register(error.session)

    def leave_nowait(self) -> None:
        """End the session cleanly: what it holds comes free at once. Awaits nothing."""
        self._closing = True
        self._stop()
        for offer in tuple(self.offers):
            offer.withdraw_nowait()
        session = self.session
        if session is not None:
            command = DeregisterNode(self.name, session)
            self._session.submit(self._nodes.of_node(self.name), command, session="", while_closing=True)
        self._herald.close()
        self._wake()

    # -- sessions --------------------------------------------------------------------------------------------

    async def _register(self, replaces: str) -> None:
        """Begin a session. One that an earlier attempt began, unheard, is replaced: nobody knows how old it is."""
        pending, joined = await self._ask(replaces)
        if joined.existed:
            pending, joined = await self._ask(joined.session)
        if not self._closing:
            self._begin(pending, joined)

    async def _ask(self, replaces: str) -> tuple[Pending, NodeJoined]:
        command = RegisterNode(self.name, self.node.registration(), replaces)
        pending = self._session.submit(self._nodes.of_node(self.name), command, session="")
        outcome = await self._session.outcome(pending)
        return pending, checked(pending, outcome, NodeJoined, self.name)

    def _begin(self, pending: Pending, joined: NodeJoined) -> None:
        member = Membership(joined.session, joined.timeout_ms)
        member.on_end = lambda why: self._ended(member, why)
        if pending.first_sent_s is not None:
            member.heard(pending.first_sent_s)
        self._session.member, self._session.away = member, None
        self._heart = Heart(self.node, member, joined.interval_ms / 1000, self._nodes, self)
        self._heart.start()
        self._tell("JOINED", member.session)
        self._wake()

    def _ended(self, member: Membership, why: str) -> None:
        if self._closing:
            return
        self._stop()
        self._session.member, self._session.away = None, self._gone
        self._lose(member, f"the session of node {self.name!r} ended: {why}")
        self._tell("ENDED", member.session, why)
        if self.node.rejoin:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._rejoin(), name=f"tidelock-node-{self.name}")
        else:
            self._retire("its session ended, and it is set not to rejoin")

    async def _rejoin(self) -> None:
        clock = self._nodes.clock
        try:
            await persist(lambda: self._register(""), clock, FINAL)
        except TidelockError as error:
            self._retire(str(error))
            return
        await self._restore_offers()

    async def _restore_offers(self) -> None:
        """Offer all again. One that is refused for now, because somebody else has its name, holds up no other."""
        await asyncio.gather(*map(self._restore, tuple(self.offers)))

    async def _restore(self, offer: Offered) -> None:
        try:
            await persist(offer.restore, self._nodes.clock, FINAL_OF_OFFERS)
        except TidelockError as error:
            log.error("%r is not offered any more: %s", offer, error)

    def _retire(self, why: str) -> None:
        self._retired = why
        self._tell("RETIRED", "", why)
        self._wake()

    def _gone(self) -> TidelockError:
        """Return why nothing can be done on the node's behalf."""
        error: TidelockError
        if self._closing:
            return ClientClosed("The client is closed. Open another one.")
        if self._retired is not None:
            error = NodeRetired(f"Node {self.name!r} is gone for good: {self._retired}. Open another client.")
        else:
            error = SessionEnded(
                f"The session of node {self.name!r} ended and the next has not begun. Everything it held is lost; "
                "`await client.node.joined()`, then begin anew."
            )
        error.node = self.name
        return error

    # -- from the heart --------------------------------------------------------------------------------------

    def silent(self) -> None:
        """No heartbeat was answered in time."""
        member = self._session.member
        if member is not None:
            why = f"no heartbeat of node {self.name!r} was answered in time"
            self._lose(member, why)
            self._tell("SILENT", member.session, why)

    def heard(self) -> None:
        """The session goes on after all."""
        member = self._session.member
        if member is not None:
            self._tell("HEARD", member.session)

    def drained(self, draining: bool) -> None:
        """The node is to get no new work, or is to get work again."""
        member = self._session.member
        if member is None:
            return
        self._tell("DRAINED" if draining else "UNDRAINED", member.session)
        if self._task is not None:
            self._task.cancel()  # all that it may still have to do is what follows
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._restore_offers(), name=f"tidelock-drain-{self.name}")

    def _tell(self, what: What, session: str, why: str = "") -> None:
        self._herald.tell(NodeEvent(what, session, why))

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _stop(self) -> None:
        if self._heart is not None:
            self._heart.stop()
            self._heart = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
