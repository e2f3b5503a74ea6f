"""Loading what is missing, under the fill lease: one client loads an entry, the others wait for its value."""

import asyncio
from typing import Any, Final

from streams.domain.caches.commands import FailFill, FillEntry
from streams.domain.caches.limits import MAX_REASON
from streams.domain.caches.replies import EntryStored, FillDropped, FillGranted
from streams.domain.decider import Rejected
from tidelock.client.caches.access import Access
from tidelock.client.caches.bounded import ended
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.ports import Loaded, Loader
from tidelock.client.caches.terms import ttl_ms_of
from tidelock.client.errors import LoadFailed, LoadTimedOut
from tidelock.client.pending import Outcome, Pending

LOST: Final = frozenset({"FILL_LOST", "CACHE_UNKNOWN"})
"""Codes of a fill that somebody else's change, or the end of the cache, has overtaken: read again, and see."""


class Filling:
    """The loads of one cache."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def fill(self, desk: Desk, granted: FillGranted, loader: Loader[Any]) -> "tuple[Any, int] | bool":
        """Return (value, version); False: the loader says that there is none; True: it was overtaken, read again.

        Raises `LoadFailed`, `LoadTimedOut`, and whatever a put of the value would raise.
        """
        try:
            loaded = await self._load(desk, granted, loader)
            if loaded is None:
                self.give_back(desk, granted, "there is none")
                return False
            return await self._store(desk, granted, loaded)
        except asyncio.CancelledError:
            self.give_back(desk, granted, "the caller is gone")
            raise
        except Exception as error:
            self.give_back(desk, granted, str(error))
            raise

    async def _load(self, desk: Desk, granted: FillGranted, loader: Loader[Any]) -> Loaded[Any] | None:
        """Run the loader until the fill lease may be over."""
        until_s = desk.listener.partition.trusted_until(granted.expires_at)
        task = await ended(loader.load(granted.entry), self._access.caches.clock, until_s)
        self._access.hits.loads += 1
        if not task.done() or task.cancelled():
            raise self._failed(LoadTimedOut, granted.entry, "did not end while the fill lease lasted")
        error = task.exception()
        if error is not None:
            raise self._failed(LoadFailed, granted.entry, f"failed ({error!r:.200})") from error
        loaded: object = task.result()
        if loaded is not None and not isinstance(loaded, Loaded):
            what = f"returned {type(loaded).__name__}, which is neither a Loaded nor None"
            raise self._failed(LoadFailed, granted.entry, what)
        return loaded

    def _failed(self, cls: type[LoadFailed], entry: str, what: str) -> LoadFailed:
        error = cls(
            f"The loader of entry {entry!r} {what}. Nothing was stored; mend it, or raise fill_lease, and ask again."
        )
        error.cache = self._access.name
        return error

    async def _store(self, desk: Desk, granted: FillGranted, loaded: Loaded[Any]) -> "tuple[Any, int] | bool":
        access, coded = self._access, self._access.encode(loaded.value)
        while True:
            attachment = await access.attachment(desk)
            command = FillEntry(
                desk.cache,
                desk.shard,
                granted.entry,
                granted.fill,
                coded,
                loaded.tags,
                ttl_ms_of(loaded.ttl),
                attachment,
                "EXCLUSIVE" if attachment else "INVALID",
            )
            pending, outcome = await access.ask(desk, command, self._taker(desk, loaded, coded))
            if isinstance(outcome, EntryStored):
                return loaded.value, outcome.version
            if isinstance(outcome, FillDropped):
                return True
            if isinstance(outcome, Rejected) and outcome.code in LOST:
                return True
            if isinstance(outcome, Rejected) and outcome.code == "CACHE_FULL":
                self.give_back(desk, granted, "the cache is full")
                return loaded.value, 0  # what was loaded is good: nobody has changed the entry since
            if not access.again(desk, outcome, attachment):
                raise access.error(outcome, pending)

    def _taker(self, desk: Desk, loaded: Loaded[Any], coded: bytes) -> Any:
        access = self._access

        def take(_: Pending | None, outcome: Outcome, wanted: bool) -> Outcome:  # noqa: ARG001
            if isinstance(outcome, EntryStored):
                desk.granted(outcome, loaded.value, len(coded), loaded.tags, ttl_ms_of(loaded.ttl))
                if access.tier is not None:
                    access.tier.offer(desk, outcome, coded)
            return outcome

        return take

    def give_back(self, desk: Desk, granted: FillGranted, why: str) -> None:
        """Let the next in line load, without awaiting the answer."""
        session = self._access.caches.session
        if session.closed:
            return
        command = FailFill(desk.cache, desk.shard, granted.entry, granted.fill, why[:MAX_REASON])
        session.submit(desk.listener.partition, command, while_closing=True)
