"""Writes and deletions: here, if the line is held Modified; else in the directory, with the writer before or after."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

from streams.domain.caches.commands import DeleteEntry, WriteEntry
from streams.domain.caches.replies import EntryGone, EntryStored
from tidelock.client.caches.access import Access
from tidelock.client.caches.behind import Behind
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.lines import Line
from tidelock.client.caches.prompt import Late, PromptWriter
from tidelock.client.caches.terms import Keep, ttl_ms_of
from tidelock.client.errors import EntryBusy, ValueTooLarge, WriterFailed, WriterTimedOut
from tidelock.client.pending import Outcome, Pending

_R = TypeVar("_R")

ATTEMPTS: Final = 20


class Put:
    """One value to be written."""

    __slots__ = ("coded", "entry", "if_version", "keep", "tags", "ttl_ms", "value")

    def __init__(
        self,
        entry: str,
        value: Any,
        coded: bytes,
        ttl: float | None,
        tags: tuple[str, ...],
        if_version: int | None,
        keep: Keep,
    ) -> None:
        self.entry, self.value, self.coded = entry, value, coded
        self.ttl_ms = ttl_ms_of(ttl)
        self.tags, self.keep = tags, keep
        self.if_version = -1 if if_version is None else if_version

    def fits(self, line: Line | None) -> bool:
        """Say whether it can be written to the line alone, which may be used."""
        return (
            line is not None
            and line.state == "MODIFIED"
            and self.keep == "MODIFIED"
            and self.if_version < 0
            and (self.ttl_ms, self.tags) == (line.ttl_ms, line.tags)
        )


class Writing:
    """The writes of one cache."""

    def __init__(self, access: Access) -> None:
        self._access = access
        terms = access.terms
        self.behind = self._writer = None
        if terms.writer is not None:
            self._writer = PromptWriter(terms.writer, access.caches.clock, terms.writer_timeout)
            if terms.writer_order == "BEHIND":
                self.behind = Behind(access.name, self._writer, access.caches.clock)

    # -- putting ---------------------------------------------------------------------------------------------

    async def put(self, put: Put) -> int:
        """Write; return the version, or 0 for what was written here only."""
        access, entry = self._access, put.entry
        if entry not in access.writing and self._write_here(put):
            return 0
        async with access.writing.of(entry):
            if self._write_here(put):
                return 0
            order = "AFTER" if put.if_version >= 0 else access.terms.writer_order
            if self._writer is None:
                return await self._put(put)
            if order == "BEHIND":
                return await self._put_and_later(put)
            if order == "FIRST":
                await self._write(entry, put.value, "the cache was not changed")
                return await self._put(put)
            await self._caught_up(entry)
            version = await self._put(put)
            await self._write(entry, put.value, "the cache has the value already")
            return version

    async def _put_and_later(self, put: Put) -> int:
        assert self.behind is not None
        await self._supplied(put.entry, self.behind.room(), "the cache was not changed")
        version = await self._put(put)
        self.behind.write(put.entry, put.value)
        return version

    def _write_here(self, put: Put) -> bool:
        line = self._access.hit(put.entry)
        if line is None or not put.fits(line):
            return False
        desk = self._access.desk_of(put.entry)
        settings = desk.listener.settings
        if settings is not None and len(put.coded) > settings.max_value_bytes:
            raise self._too_large(len(put.coded), settings.max_value_bytes)
        desk.write_here(line, put.value, put.coded)
        return True

    def _too_large(self, size: int, limit: int) -> ValueTooLarge:
        error = ValueTooLarge(
            f"the value has {size} bytes, this cache takes {limit}; split it, or cache a reference to where it is",
            details=(("bytes", str(size)), ("limit", str(limit))),
        )
        error.cache = self._access.name
        return error

    async def _put(self, put: Put) -> int:
        def command(desk: Desk, attachment: int, line: int) -> WriteEntry:
            return WriteEntry(
                desk.cache,
                desk.shard,
                put.entry,
                put.coded,
                put.tags,
                put.ttl_ms,
                put.if_version,
                attachment,
                put.keep if attachment else "INVALID",
                line,
                self._access.terms.wait_ms,
                desk.incarnation,
            )

        def stored(desk: Desk, reply: EntryStored) -> None:
            desk.granted(reply, put.value, len(put.coded), put.tags, put.ttl_ms)
            tier = self._access.tier
            if tier is not None:
                tier.drop(desk.shard, put.entry, reply.version - 1)
                if reply.state != "MODIFIED":
                    tier.offer(desk, reply, put.coded)

        return (await self._change(put.entry, command, EntryStored, stored)).version

    async def _change(
        self,
        entry: str,
        command: Callable[[Desk, int, int], Any],
        wanted: type[_R],
        done: Callable[[Desk, _R], None],
    ) -> _R:
        """Send what changes an entry, having dropped the own line of it; `done` is told as the answer comes."""
        access = self._access
        for _ in range(ATTEMPTS):
            desk = await self._brought_back(entry)
            attachment = await access.attachment(desk)
            if await access.desk(entry) is not desk:
                continue  # the cache was made anew meanwhile
            line = desk.give_up(entry) if attachment else 0
            taker = partial(_take, desk, entry, attachment, line, wanted, done)
            pending, outcome = await access.ask(desk, command(desk, attachment, line), taker)
            if isinstance(outcome, wanted):
                access.hits.writes += 1
                return outcome
            if not access.again(desk, outcome, attachment):
                raise access.error(outcome, pending)
        error = EntryBusy(
            f"Entry {entry!r} could not be written: the client lost its attachment {ATTEMPTS} times in a row. "
            "Is the network, or read_lease, too short? Ask again."
        )
        error.cache = access.name
        raise error

    async def _brought_back(self, entry: str) -> Desk:
        """Return the shard, once nothing is here that only this client knows: a write that is refused loses nothing."""
        access = self._access
        while True:
            desk = await access.desk(entry)
            line = desk.lines.by_entry.get(entry)
            if line is None or (line.settling is None and line.changed is None):
                return desk
            await desk.written_back(line, "EXCLUSIVE")

    # -- deleting --------------------------------------------------------------------------------------------

    async def delete(self, entry: str, if_version: int | None) -> bool:
        """Remove a value; return whether there was one. A writer comes first, whatever its order."""
        access = self._access
        async with access.writing.of(entry):
            if self._writer is not None:
                await self._caught_up(entry)
                await self._write(entry, None, "the cache was not changed")
            return await self._delete(entry, -1 if if_version is None else if_version)

    async def _delete(self, entry: str, if_version: int) -> bool:
        access = self._access

        def command(desk: Desk, attachment: int, line: int) -> DeleteEntry:
            wait_ms, meant = access.terms.wait_ms, desk.incarnation
            return DeleteEntry(desk.cache, desk.shard, entry, if_version, attachment, line, wait_ms, meant)

        def gone(desk: Desk, reply: EntryGone) -> None:
            if access.tier is not None:
                access.tier.drop(desk.shard, entry, reply.version)

        return (await self._change(entry, command, EntryGone, gone)).version != 0

    # -- the writer ------------------------------------------------------------------------------------------

    async def _write(self, entry: str, value: Any, cache_has: str) -> None:
        assert self._writer is not None
        await self._supplied(entry, self._writer.unbounded(entry, value), cache_has)

    async def _caught_up(self, entry: str) -> None:
        """Return when the writer has what was put before: else it would bring an older value afterwards."""
        if self.behind is not None:
            await self._supplied(entry, self.behind.done(entry), "the cache was not changed")

    async def _supplied(self, entry: str, work: Coroutine[Any, Any, None], cache_has: str) -> None:
        assert self._writer is not None
        try:
            await self._writer.within(work)
        except Late as error:
            raise self._failed(
                WriterTimedOut, entry, str(error), f"{cache_has}, the source may be"
            ) from error
        except Exception as error:
            raise self._failed(WriterFailed, entry, f"it failed ({error!r:.200})", cache_has) from error

    def _failed(self, cls: type[WriterFailed], entry: str, what: str, so: str) -> WriterFailed:
        error = cls(f"The writer of entry {entry!r}: {what}; {so}. Mend it, and write again.")
        error.cache = self._access.name
        return error


def _take(
    desk: Desk,
    entry: str,
    attachment: int,
    line: int,
    wanted: type[_R],
    done: Callable[[Desk, _R], None],
    _: Pending | None,
    outcome: Outcome,
    __: bool,
) -> Outcome:
    if isinstance(outcome, wanted):
        done(desk, outcome)
    else:
        desk.gave_up_in_vain(entry, attachment, line)
    return outcome
