"""What becomes of the sessions of this client's node, told to callbacks and iterators."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal, TypeAlias
from weakref import WeakSet

from streams.domain.value import value

MAX_UNREAD: Final = 1_000
"""Events that wait for an iterator; then the oldest are dropped."""
log = logging.getLogger("tidelock.nodes")

What: TypeAlias = Literal["JOINED", "SILENT", "HEARD", "DRAINED", "UNDRAINED", "ENDED", "RETIRED"]


@value
class NodeEvent:
    """JOINED: a session began. SILENT: no heartbeat was answered in time, so the node may be dead, and what it held is
    lost; HEARD: it was not dead, the session goes on. DRAINED: an operator wants it to get no new work: take none;
    its offers say so by themselves; UNDRAINED: it gets work again. ENDED: the session is over. RETIRED: no other will
    begin.
    """  # fmt: skip

    what: What
    session: str
    why: str = ""


class Feed:
    """The events from when it was made: `async for event in client.node.events()`. Ends with the client."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[NodeEvent | None] = asyncio.Queue(MAX_UNREAD)

    def put(self, event: NodeEvent | None) -> None:
        """Take an event; None: there will be no more."""
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    def __aiter__(self) -> "Feed":
        return self

    async def __anext__(self) -> NodeEvent:
        event = await self._events.get()
        if event is None:
            self.put(None)
            raise StopAsyncIteration
        return event


class Herald:
    """Tells all who want to know."""

    def __init__(self, callback: Callable[[NodeEvent], None] | None) -> None:
        self._callback = callback
        self._feeds: WeakSet[Feed] = WeakSet()
        self._is_over = False

    def feed(self) -> Feed:
        """Return the events from now on."""
        feed = Feed()
        self._feeds.add(feed)
        if self._is_over:
            feed.put(None)
        return feed

    def tell(self, event: NodeEvent) -> None:
        """Tell everybody; a callback that raises is logged."""
        level = logging.INFO if event.what in {"JOINED", "HEARD", "UNDRAINED"} else logging.WARNING
        log.log(level, "session %s: %s %s", event.session, event.what, event.why)
        for feed in tuple(self._feeds):
            feed.put(event)
        if self._callback is not None:
            try:
                self._callback(event)
            except Exception:
                log.exception("the on_event callback of the node failed")

    def close(self) -> None:
        """There will be no more."""
        self._is_over = True
        for feed in tuple(self._feeds):
            feed.put(None)
