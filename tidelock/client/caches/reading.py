"""Reads: from a line, from the second tier, from the directory, from the loader. A hit never comes here.

Two reads of one entry share a round trip only by way of a line that the first one got: a second one that took over the
answer itself might return what was replaced before it began.
"""

import asyncio
from typing import Any, Final

from streams.domain.caches.commands import ReadEntry
from streams.domain.caches.replies import EntryRead, EntryValue, FillGranted
from streams.domain.decider import Rejected
from tidelock.client.caches.access import Access
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.filling import Filling
from tidelock.client.caches.found import Found, found_here
from tidelock.client.caches.ports import Loader
from tidelock.client.errors import EntryBusy, TidelockError, ValueUnreadable
from tidelock.client.pending import Outcome, Pending

ATTEMPTS: Final = 20
"""After which an entry that changes all the time is given up."""


class Reading:
    """The reads of one cache."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._filling = Filling(access)

    async def read(self, entry: str, loader: Loader[Any] | None, *, exact: bool = False) -> Found[Any] | None:
        """Return what is there, or is loaded; None: nothing.

        `exact`: with the version that it has now, so neither what is only here nor a copy.
        """
        access = self._access
        desk = await access.desk(entry)
        if (going := access.reading.get(entry)) is not None:
            await going.wait()
        missed = False
        for _ in range(ATTEMPTS):
            if exact:
                await self._write_back(desk, entry)
            line = desk.hit(entry)
            if line is not None and not (exact and line.changed is not None):
                access.hits.hits += not missed
                return found_here(line)
            access.hits.misses += not missed
            access.hits.expiries += not missed and _is_stale(desk, entry)
            missed = True
            found = await self._read_first(desk, entry, loader, exact=exact)
            if not isinstance(found, Again):
                return found
            desk = await access.desk(entry)
        error = EntryBusy(f"Entry {entry!r} changed each time it was read, {ATTEMPTS} times. Ask again.")
        error.cache = access.name
        raise error

    async def _write_back(self, desk: Desk, entry: str) -> None:
        line = desk.lines.by_entry.get(entry)
        if line is not None and line.changed is not None:
            await desk.written_back(line, "MODIFIED")

    async def _read_first(
        self, desk: Desk, entry: str, loader: Loader[Any] | None, *, exact: bool
    ) -> "Found[Any] | Again | None":
        """Read; others who miss the entry meanwhile wait until it is done."""
        reading = self._access.reading
        first = entry not in reading
        if first:
            reading[entry] = asyncio.Event()
        try:
            return await self._read(desk, entry, loader, exact=exact)
        finally:
            if first:
                reading.pop(entry).set()

    async def _read(
        self, desk: Desk, entry: str, loader: Loader[Any] | None, *, exact: bool
    ) -> "Found[Any] | Again | None":
        access = self._access
        line = desk.lines.by_entry.get(entry)
        if line is not None and line.settling is not None:
            await desk.settled(line)
            return AGAIN
        copied = None if exact else await self._copied(desk, entry)
        if copied is not None:
            return copied
        attachment = await access.attachment(desk)
        if await access.desk(entry) is not desk:
            return AGAIN  # the cache was made anew meanwhile
        command = ReadEntry(
            desk.cache,
            desk.shard,
            entry,
            attachment,
            loader is not None,
            access.terms.wait_ms,
            desk.incarnation,
        )
        pending, outcome = await access.ask(desk, command, self._taker(desk))
        match outcome:
            case Found() | Again():
                return outcome
            case EntryRead():
                return None
            case FillGranted():
                assert loader is not None
                return self._loaded(await self._filling.fill(desk, outcome, loader))
            case Rejected(code="LINE_HELD"):
                await self._is_held_here(
                    desk, entry, int(access.error(outcome, pending).detail("token") or 0)
                )
                return AGAIN
        if access.again(desk, outcome, attachment):
            return AGAIN
        raise access.error(outcome, pending)

    def _loaded(self, filled: "tuple[Any, int] | bool") -> "Found[Any] | Again | None":
        if isinstance(filled, tuple):
            return Found(*filled)
        return AGAIN if filled else None

    async def _copied(self, desk: Desk, entry: str) -> Found[Any] | None:
        access = self._access
        if access.tier is None:
            return None
        held = await access.tier.get(desk, entry)
        if held is None:
            return None
        access.hits.tier_hits += 1
        return Found(access.decode(held.value), held.version)

    def _taker(self, desk: Desk) -> Any:
        def take(pending: Pending | None, outcome: Outcome, wanted: bool) -> Outcome:
            if isinstance(outcome, FillGranted) and not wanted:
                self._filling.give_back(desk, outcome, "the caller is gone")
            if isinstance(outcome, EntryRead) and outcome.found and pending is not None:
                return self._found(desk, outcome, pending)
            return outcome

        return take

    def _found(self, desk: Desk, reply: EntryRead, pending: Pending) -> "Found[Any] | Again | TidelockError":
        """Return what was read, having kept its line."""
        access = self._access
        attached: EntryValue = pending.decode(pending.payloads[0])
        if attached.gone:
            return AGAIN
        try:
            value = access.decode(attached.value)
        except ValueUnreadable as error:
            if reply.token:
                desk.disown(reply.entry, reply.token)
            return error
        desk.granted(reply, value, len(attached.value), attached.tags)
        if access.tier is not None:
            access.tier.offer(desk, reply, attached.value)
        return Found(value, reply.version, granted=reply.token)

    async def _is_held_here(self, desk: Desk, entry: str, token: int) -> None:
        """The directory holds this client for the owner of a Modified line: bring it back, or say that it is lost."""
        if entry in self._access.writing:
            async with self._access.writing.of(entry):
                return  # its grant was on its way
        line = desk.lines.by_entry.get(entry)
        if line is None or line.token != token:
            desk.disown(entry, token)
        elif line.state == "MODIFIED" and desk.hit(entry) is None:
            await desk.written_back(line, "EXCLUSIVE")


def _is_stale(desk: Desk, entry: str) -> bool:
    """Say whether there is a line that could be trusted no more."""
    line = desk.lines.by_entry.get(entry)
    return line is not None and line.settling is None


class Again:
    """The answer was of no use: read once more."""


AGAIN: Final = Again()
