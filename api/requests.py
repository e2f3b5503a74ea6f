"""How uvicorn reads requests and is read: what is no body is bounded in bytes, and all comes and goes in time.

httptools keeps heads and trailers, however long they get, and waits for them for ever; so does uvicorn for a peer that
does not read its answer, which may be a stream.
"""

import asyncio
import socket
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 128 * 1024
"""Room for the longest query and cursor that a GET may have."""
HEAD_S: Final = 15.0
"""How long the head of a request may take, the first from when the connection is made."""
SOCKET_BUFFER_BYTES: Final = 64 * 1024
"""So much waits in the kernel for a peer that does not read: else it would keep megabytes for each."""
READ_S: Final = 15.0
READ_BYTES: Final = 4096
"""A peer for whom something waits takes so much in that time, or is no reader."""


class HttpProtocol(HttpToolsProtocol):
    """Refuses whoever sends a head without end, or slowly; drops whoever does not read."""

    _beside_bodies = 0
    _in_body = False
    _patience: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin."""
        super().connection_made(transport)
        bound_socket(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._head_came()
        self._reads_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the peer to read, as long as it does."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """Go on."""
        self._reads_on()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read on, unless it is too much."""
        self._beside_bodies += len(data)
        if not self._in_body and self._patience is None:
            self._await_head()
        super().data_received(data)
        if self._beside_bodies > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"Apart from its body a request has at most {MAX_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """Count anew."""
        self._beside_bodies = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take the body, if there is one."""
        self._beside_bodies = 0
        self._in_body = True
        self._head_came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Leave it to the application, which knows how long it may be."""
        self._beside_bodies -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Await the next."""
        self._in_body = False
        super().on_message_complete()

    def _await_reader(self) -> None:
        self._reading = self.loop.call_later(READ_S, self._look, self.transport.get_write_buffer_size())

    def _look(self, waited: int) -> None:
        if self.transport.get_write_buffer_size() > waited - READ_BYTES:
            self.transport.abort()
        else:
            self._await_reader()

    def _reads_on(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _await_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_S, self._too_late)

    def _head_came(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response(f"The head of a request comes within {HEAD_S:.0f} s.")


def bound_socket(transport: asyncio.BaseTransport) -> None:
    """Have the kernel keep little for a peer."""
    one = transport.get_extra_info("socket")
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
