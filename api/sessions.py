"""Sessions: clients of the workers that live on any API node, and through restarts.

A session is an id that its caller made. What it holds is held by (principal, `gql-` + session, handle), whichever node
speaks for it: each speaks as that client, counting from its own wall clock, in parts of a millisecond that it drew.
So no two nodes use one number, and no node needs to know what another one asked. Leases are not renewed here.
"""

import asyncio
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from api.errors import ApiError, BadArgument
from api.identity import Identity
from tidelock.client.client import Client, Connecting

PREFIX: Final = "gql-"
_SESSION = re.compile(r"[A-Za-z0-9._~-]{16,64}")
SEQUENCE_BITS = 20
"""Numbers a millisecond. A client would have to send a million commands a second to meet those of another node."""

Opener: TypeAlias = Callable[[str, str, int], Connecting]
"""(token, client id, first sequence) -> what to await."""


class TooManySessions(ApiError):
    """All clients that one node may have are busy."""

    code = "OVERLOADED"


class _Speaker:
    """One client, opened by whoever came first."""

    __slots__ = ("opening", "used_s", "users")

    def __init__(self, opening: "asyncio.Task[Client]") -> None:
        self.opening = opening
        self.users = 0
        self.used_s = 0.0


class Sessions:
    """The clients of one API node: bounded, shared by all requests of a session, closed when idle."""

    def __init__(self, opener: Opener, limit: int = 500, idle_s: float = 30.0) -> None:
        self.own = secrets.token_hex(16)
        """The session of those who name none: new with each process."""
        self._opener = opener
        self._limit = limit
        self._idle_s = idle_s
        self._speakers: OrderedDict[tuple[Identity, str], _Speaker] = OrderedDict()
        """The one that was used last is at the end."""
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._speakers)

    @asynccontextmanager
    async def client(self, identity: Identity, session: str) -> AsyncIterator[Client]:
        """Lend the client of a session. Raises `BadArgument`, `TooManySessions`, `TidelockError`."""
        if _SESSION.fullmatch(session) is None:
            raise BadArgument(
                "A session is an id of your own making: 16 to 64 letters, digits, '.', '_', '~' or '-', such as a UUID."
            )
        key = (identity, session)
        speaker = self._speakers.get(key) or self._open(key)
        speaker.users += 1
        self._speakers.move_to_end(key)
        try:
            yield await asyncio.shield(speaker.opening)
        finally:
            speaker.users -= 1
            speaker.used_s = time.monotonic()
            if speaker.opening.done() and (speaker.opening.cancelled() or speaker.opening.exception()):
                self._speakers.pop(key, None)
            self._sweep_later()

    async def close(self) -> None:
        """Close all clients. What they hold stays held."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for key in list(self._speakers):
            self._end(key)
        await asyncio.gather(*self._closing)

    def _open(self, key: tuple[Identity, str]) -> _Speaker:
        if len(self._speakers) >= self._limit:
            self._make_room()
        identity, session = key
        first = (time.time_ns() // 1_000_000 << SEQUENCE_BITS) + secrets.randbelow(1 << SEQUENCE_BITS - 1) + 1
        connecting = self._opener(identity.token, PREFIX + session, first)
        speaker = self._speakers[key] = _Speaker(
            asyncio.create_task(_opened(connecting), name="open a session")
        )
        return speaker

    def _make_room(self) -> None:
        idle = next((key for key, speaker in self._speakers.items() if not speaker.users), None)
        if idle is None:
            raise TooManySessions(
                f"{self._limit} sessions are busy on this node. Try again, or ask another node.",
                retry_after_ms=1000,
            )
        self._end(idle)

    def _end(self, key: tuple[Identity, str]) -> None:
        speaker = self._speakers.pop(key)
        closing = asyncio.create_task(_closed(speaker.opening), name="close a session")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _sweep_later(self) -> None:
        if self._sweeping is None and self._speakers:
            self._sweeping = asyncio.get_running_loop().call_later(self._idle_s / 2, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        now = time.monotonic()
        for key, speaker in list(self._speakers.items()):
            if not speaker.users and now - speaker.used_s >= self._idle_s:
                self._end(key)
        self._sweep_later()


async def _opened(connecting: Connecting) -> Client:
    return await connecting


async def _closed(opening: "asyncio.Task[Client]") -> None:
    opening.cancel()
    await asyncio.wait([opening])
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().close()
