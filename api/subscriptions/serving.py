"""How uvicorn serves connections that last: nothing kept for peers that are gone, and cursors before the end."""

import asyncio
import socket
from collections.abc import Sequence

from uvicorn import Server
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from api.requests import bound_socket
from api.subscriptions.errors import Ended, ServerStopping
from api.subscriptions.hub import Hub

FAREWELL_S = 3.0
WRITE_BUFFER_BYTES = 16 * 1024
"""So much waits in the process for a peer that does not read; the rest waits in its subscriber's queue."""
UNREAD_BYTES = 256 * 1024
"""Pings are answered at once; whoever reads so little of that is no peer."""
FRAGMENTS = 1024
"""Of one message; many small ones, or empty ones, would take more memory than their bytes say."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Drops peers that answer no ping, whatever they have not read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        bound_socket(transport)

    def handle_ping(self) -> None:
        """Answer, as long as answers are read."""
        super().handle_ping()
        if self.transport.get_write_buffer_size() > UNREAD_BYTES:
            self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        """Take one more fragment of a message."""
        super().handle_cont(event)
        if len(self.frames) > FRAGMENTS:
            self.frames = []
            self.transport.abort()

    def keepalive_timeout(self) -> None:
        """End a connection whose peer is silent: at once, for it may never take what is still to be sent."""
        super().keepalive_timeout()
        self.transport.abort()


class LiveServer(Server):
    """Tells every subscriber where to go on before connections are closed."""

    def __init__(self, config: Config, hubs: Sequence[Hub]) -> None:
        super().__init__(config)
        self._hubs = hubs

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        for hub in self._hubs:
            hub.close(stopping)
        await asyncio.gather(*(hub.left(FAREWELL_S) for hub in self._hubs))
        await super().shutdown(sockets)


def stopping(cursor: str | None) -> Ended:
    """Return what subscribers of a node that ends are told."""
    return ServerStopping("This node ends. Subscribe with `after: cursor` on another one.", cursor, 100)
