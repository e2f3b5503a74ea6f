"""One TCP connection: frames out, written once a loop turn; frames in, cut and decoded. Knows no commands."""

import asyncio
import socket
from collections.abc import Callable
from struct import Struct
from typing import Protocol, cast

from schemas.errors import SchemaError
from streams.wire.frames import FrameSplitter, FrameTooLarge
from streams.wire.messages import Answers, Refused, Welcome
from tidelock.client.codec import frames
from tidelock.client.errors import ConnectionLost, ProtocolViolation, TidelockError

_LENGTH = Struct(">I").pack
KEEPALIVE_IDLE_S = 10
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_PROBES = 3


class Receiver(Protocol):
    """Whoever owns the connection."""

    def received(self, wire: "Wire", message: Welcome | Answers | Refused) -> None:
        """Take one frame. Raises `TidelockError` if it makes no sense."""

    def writable(self, wire: "Wire") -> None:
        """The peer reads again after it had fallen behind."""

    def closed(self, wire: "Wire", why: TidelockError) -> None:
        """The connection is gone. Called once."""


class Wire(asyncio.Protocol):
    """One TCP connection to one worker."""

    def __init__(self, address: str, receiver: Receiver) -> None:
        self._address = address
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._splitter = FrameSplitter()
        self._decode: Callable[[bytes], object] = frames().decode
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._why: TidelockError | None = None
        self.blocked = True
        """Nothing may be written: not connected, or the peer does not read."""

    def write(self, head: bytes, floor: bytes, tail: bytes) -> None:
        """Write a record, which comes in three parts, in the next turn of the loop, with what else comes now."""
        out = self._out
        if not out:
            self._loop.call_soon(self._flush)
        out += (_LENGTH(len(head) + len(floor) + len(tail)), head, floor, tail)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None and out:
            self._transport.write(b"".join(out))

    def close(self, why: TidelockError) -> None:
        """Drop the connection without waiting for the peer."""
        if self._why is None:
            self._why = why
        if self._transport is not None:
            self._transport.abort()

    def finish(self) -> None:
        """Write what is left, then close."""
        if self._out:
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the socket up (asyncio)."""
        self._transport = cast(asyncio.Transport, transport)
        self.blocked = False
        keep_alive(self._transport.get_extra_info("socket"))
        if self._why is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on each complete frame (asyncio)."""
        try:
            for record in self._splitter.feed(data):
                message = self._decode(record)
                if type(message) is Answers or isinstance(message, Refused | Welcome):
                    self._receiver.received(self, message)
                else:
                    self.close(self._nonsense(f"a {type(message).__name__} came, which only clients send"))
                    return
        except (FrameTooLarge, SchemaError) as error:
            self.close(self._nonsense(str(error)))
        except TidelockError as error:
            self.close(error)

    def _nonsense(self, what: str) -> ProtocolViolation:
        return ProtocolViolation(
            f"{self._address} sent what no Tidelock worker of this release sends ({what}). "
            "Check that the address is a worker's direct lane and that its release fits the client's."
        )

    def pause_writing(self) -> None:
        """Stop: the peer does not read (asyncio)."""
        self.blocked = True

    def resume_writing(self) -> None:
        """Go on (asyncio)."""
        self.blocked = False
        self._receiver.writable(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end (asyncio)."""
        self.blocked = True
        self._transport = None
        why = self._why or ConnectionLost(
            f"The connection to {self._address} ended ({exc or 'closed by the worker'})."
        )
        self._receiver.closed(self, why)


def keep_alive(sock: socket.socket | None) -> None:
    """Let the kernel find out within half a minute that a silent peer is gone."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, setting in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    ):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), setting)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        limit_ms = 1000 * (KEEPALIVE_IDLE_S + KEEPALIVE_INTERVAL_S * KEEPALIVE_PROBES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
