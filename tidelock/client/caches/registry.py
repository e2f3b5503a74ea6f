"""The caches that one client uses."""

import asyncio
import logging
from typing import Any, Unpack

from tidelock.client.caches.access import Access
from tidelock.client.caches.administration import Administered
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.terms import CacheUse, terms_of
from tidelock.client.caches.transport import Caches
from tidelock.client.errors import BadArgument, TidelockError
from tidelock.client.membership import Membership
from tidelock.client.names import check_name
from tidelock.client.session import Session

log = logging.getLogger("tidelock.caches")


class CachesInUse:
    """One of each name: a client is one listener of a shard, whoever in it reads."""

    def __init__(self, session: Session) -> None:
        self._caches = Caches(session)
        self._used: dict[str, tuple[Access, Cache[Any]]] = {}

    def of(self, name: str, **use: Unpack[CacheUse]) -> Cache[Any]:
        """Return the cache `name`. Raises `BadArgument` if this client uses it otherwise."""
        known = self._used.get(name)
        if known is None:
            check_name(name, "Cache")
            access = Access(name, self._caches, terms_of(**use))
            known = self._used[name] = (access, Cache(access))
        elif use and not known[0].terms.same_as(terms_of(**use)):
            raise BadArgument(
                f"This client uses cache {name!r} already, with another codec or other options. Keep the object that "
                "client.cache() gave, or ask for it without options."
            )
        return known[1]

    def administered(self, name: str) -> Administered:
        """Return what is done to a cache as a whole. Nothing of it is remembered, however many names are asked for."""
        check_name(name, "Cache")
        return Administered(Access(name, self._caches, terms_of()))

    def lose(self, member: Membership, why: str) -> None:
        """What is held on behalf of `member` can no longer be trusted. For the client whose session ends."""
        for access, _ in self._used.values():
            access.lose(member, why)

    async def close(self, timeout_s: float) -> None:
        """Write back what is Modified and let the writers have what waits. For the client that is closed."""
        if not self._used:
            return
        tasks = [asyncio.ensure_future(cache.close()) for _, cache in self._used.values()]
        clock = self._caches.clock
        late = asyncio.Event()
        timer = clock.call_at(clock.now() + timeout_s, late.set)
        waiting = asyncio.ensure_future(late.wait())
        all_done = asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait((all_done, waiting), return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        waiting.cancel()
        for access, cache in self._used.values():
            left = cache.stop()
            if left:
                log.warning("cache %r: closed before the writer had %d entries", access.name, len(left))
        for task in tasks:
            task.cancel()
        for each in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(each, TidelockError):
                log.warning("closing a cache: %s", each)
