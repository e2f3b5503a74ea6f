"""What streams, as one ASGI application: WebSockets and event streams."""

from api.http import GraphQLOverHttp, Receive, Scope, Send
from api.schema import Schema
from api.services import Services
from api.subscriptions.events import EventStreams
from api.subscriptions.operations import Operations
from api.subscriptions.shares import ShareLimits, Shares
from api.subscriptions.sockets import SocketLimits, Sockets

DEFAULT_LIMITS = SocketLimits()
DEFAULT_SHARES = ShareLimits()


class LiveApp:
    """Serves subscriptions; queries and mutations that come the same way too."""

    def __init__(
        self,
        schema: Schema,
        services: Services,
        http: GraphQLOverHttp,
        limits: SocketLimits = DEFAULT_LIMITS,
        shares: ShareLimits = DEFAULT_SHARES,
    ) -> None:
        shared = Shares(shares)
        operations = Operations(schema, services, http, shared.subscriptions)
        self._sockets = Sockets(operations, services.authenticator, limits, shared.connections)
        self._events = EventStreams(operations, services.authenticator, shared.connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request (ASGI)."""
        await (self._sockets if scope["type"] == "websocket" else self._events)(scope, receive, send)
