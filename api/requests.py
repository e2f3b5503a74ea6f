"""How uvicorn reads requests: what is no body is bounded in bytes, and a request comes in time or not at all.

httptools keeps heads and trailers, however long they get, and waits for them for ever.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 128 * 1024
"""Room for the longest query and cursor that a GET may have."""
HEAD_S: Final = 15.0
"""How long the head of a request may take, the first from when the connection is made."""


class HttpProtocol(HttpToolsProtocol):
    """Refuses whoever sends a head without end, or slowly."""

    _beside_bodies = 0
    _in_body = False
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._head_came()
        super().connection_lost(exc)

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

    def _await_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_S, self._too_late)

    def _head_came(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response(f"The head of a request comes within {HEAD_S:.0f} s.")
