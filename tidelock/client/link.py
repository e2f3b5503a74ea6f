"""One worker: its address, the connection to it while there is one, and the commands on their way there."""

import asyncio
import ssl
from collections import deque
from typing import Protocol

from streams.wire.frames import PROTOCOL, TELLS
from streams.wire.messages import Answers, Hello, Refused, Told, Welcome
from tidelock.client.clock import Clock
from tidelock.client.codec import frames
from tidelock.client.errors import ConnectionLost, ProtocolViolation, TidelockError
from tidelock.client.ledger import Ledger
from tidelock.client.pending import QUEUED, SENT, Pending
from tidelock.client.rejections import refusal_error
from tidelock.client.wire import Wire


class Hub(Protocol):
    """Whoever owns the links."""

    def on_answers(self, link: "Link", answers: Answers) -> None:
        """Take answers and pushes."""

    def on_refused(self, link: "Link", refused: Refused) -> None:
        """Take a refusal of one command."""

    def on_closed(self, link: "Link", why: TidelockError) -> None:
        """An open connection is gone."""


class Link:
    """One worker as one client sees it. Reopened as often as needed; the owner says when."""

    def __init__(self, address: str, hub: Hub, clock: Clock, ledger: Ledger) -> None:
        self.address = address
        self._hub = hub
        self._ledger = ledger
        self._clock = clock
        self._wire: Wire | None = None
        self._welcome: asyncio.Future[Welcome] | None = None
        self._queue: deque[Pending] = deque()
        self._room = 0
        self._understands = 0
        """What the worker takes, as its welcome says."""
        self.in_flight = 0
        self._owes = False
        """Whether something was sent since bytes last came; also if nobody awaits its answer any more."""
        self.is_open = False
        self.heard_s = 0.0
        """When bytes last came, or were first waited for."""
        self.failures = 0
        self.not_before_s = 0.0

    async def open(self, token: str, client: str, tls: ssl.SSLContext | None, timeout_s: float) -> Welcome:
        """Connect and introduce the client. Raises `ConnectionLost`, `NotAuthenticated`."""
        host, port = split_address(self.address)
        loop = asyncio.get_running_loop()
        wire = self._wire = Wire(self.address, self)
        self._welcome = loop.create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await loop.create_connection(lambda: wire, host, port, ssl=tls)
                wire.write(frames().encode(Hello(PROTOCOL, token, client)), b"", b"")
                welcome = await self._welcome
        except ssl.SSLError as error:
            reason = f"{self.address}: TLS failed ({error.reason or error}). Check what `tls` (TIDELOCK_TLS_CA) trusts."
            raise self._failed(wire, ConnectionLost(reason)) from error
        except (OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {timeout_s} s"
            raise self._failed(
                wire, ConnectionLost(f"{self.address} cannot be reached ({reason}).")
            ) from error
        except BaseException as error:
            self._failed(wire, ConnectionLost(f"connecting to {self.address} was given up ({error!r})."))
            raise
        self._room, self._understands = max(1, welcome.max_in_flight), welcome.protocol
        self.in_flight = 0
        self.heard_s = self._clock.now()
        self._owes = False
        return welcome

    def _failed(self, wire: Wire, why: ConnectionLost) -> ConnectionLost:
        self._wire = self._welcome = None
        wire.close(why)
        return why

    def start(self) -> bool:
        """Let commands flow, after `open`. Return whether the connection is still there."""
        self.is_open = self._wire is not None
        self.fill()
        return self.is_open

    def submit(self, pending: Pending, now: float | None = None) -> None:
        """Send the command as soon as there is room for it. `now`: if just looked up."""
        pending.link = self
        wire = self._wire
        if (
            self.is_open
            and wire is not None
            and not self._queue
            and self._room > self.in_flight
            and not wire.blocked
        ):
            self._send(pending, wire, self._clock.now() if now is None else now)
        else:
            self._queue.append(pending)

    def _send(self, pending: Pending, wire: Wire, now: float) -> None:
        if pending.first_sent_s is None:
            pending.first_sent_s = now
        pending.phase = SENT
        if not self._owes:
            self.heard_s = now
            self._owes = True
        self.in_flight += 1
        wire.write(pending.head, self._ledger.floor_bytes, pending.tail)

    def tell(self, told: Told) -> bool:
        """Send what no answer comes to; say whether it could be, now."""
        wire = self._wire
        if wire is None or not self.is_open or wire.blocked or self._understands < TELLS:
            return False
        wire.write(frames().encode(told), b"", b"")
        return True

    def settled(self) -> None:
        """One command that was sent got its answer or refusal."""
        self.in_flight -= 1
        if self._queue:
            self.fill()

    def fill(self) -> None:
        """Send what is queued, as far as there is room."""
        wire = self._wire
        if not self._queue or wire is None or not self.is_open:
            return
        while self._queue and self.in_flight < self._room and not wire.blocked:
            pending = self._queue.popleft()
            if pending.phase is QUEUED and pending.link is self:
                self._send(pending, wire, self._clock.now())

    def take_queue(self) -> list[Pending]:
        """Return, and forget, the commands that were not sent."""
        queue = [each for each in self._queue if each.phase is QUEUED and each.link is self]
        self._queue.clear()
        return queue

    def close(self, why: TidelockError) -> None:
        """Drop the connection; `on_closed` follows if it was open."""
        if self._wire is not None:
            self._wire.close(why)

    def finish(self) -> None:
        """Write what is left and close for good; `on_closed` does not follow."""
        self.is_open = False
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.finish()

    def received(self, wire: Wire, message: Welcome | Answers | Refused) -> None:
        """Take one frame from the connection."""
        if wire is not self._wire:
            return
        self.heard_s = self._clock.now()
        self._owes = False
        if type(message) is Answers:
            self._hub.on_answers(self, message)
        elif isinstance(message, Welcome):
            self._welcomed(message)
        elif isinstance(message, Refused):
            if message.sequence < 0:
                raise refusal_error(message)
            self._hub.on_refused(self, message)

    def _welcomed(self, welcome: Welcome) -> None:
        if self._welcome is None or self._welcome.done():
            raise ProtocolViolation(f"{self.address} welcomed this client twice. Report it.")
        self._welcome.set_result(welcome)

    def writable(self, wire: Wire) -> None:
        """The peer reads again."""
        if wire is self._wire:
            self.fill()

    def closed(self, wire: Wire, why: TidelockError) -> None:
        """The connection is gone."""
        if wire is not self._wire:
            return
        self._wire = None
        if self._welcome is not None and not self._welcome.done():
            self._welcome.set_exception(why)
        self._welcome = None
        if self.is_open:
            self.is_open = False
            self._hub.on_closed(self, why)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`; an IPv6 host stands in brackets. Raises `ConnectionLost`."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port[:6]) < 65_536:
        raise ConnectionLost(f"{address!r} is no address. Write host:port, such as 127.0.0.1:7400.")
    return host.strip("[]"), int(port)
