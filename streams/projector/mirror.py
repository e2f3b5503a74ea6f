"""The hot copy of a lane's table (Redis): follows what the store has, and never holds the lane up.

What the copy misses collects by key, so it is bounded by the table itself; a copy that does not stand where it should
(flushed, expired, another projector's) is replaced as a whole.
"""

import asyncio
import time
from contextlib import suppress

from streams.log.checkpoint import Checkpoint
from streams.ops.backoff import Backoff, Pause
from streams.projections.builds import FIRST
from streams.projections.hot import TIME, HotCopy, HotPlace, hot_key, hot_row
from streams.projections.ports import HotStore, Loaded, SinkError
from streams.projections.table import Changes, Key, Row
from streams.projector.settings import LaneSettings

DOCUMENTS_A_TURN = 2000


class Mirror:
    """One partition's hot copy of one table."""

    def __init__(
        self,
        store: HotStore,
        copy: HotCopy,
        settings: LaneSettings,
        pause: Pause = asyncio.sleep,
        build: int | None = None,
    ) -> None:
        """`build`: which of its read model's: another's copy is not gone on from, however far it is."""
        self.trouble: Exception | None = None
        self._store, self._copy, self._settings, self._pause = store, copy, settings, pause
        self._table = copy.table
        self._backoff = Backoff(settings.first_pause_s, settings.longest_pause_s, pause)
        self._rows: dict[Key, Row] = {}
        self._changed: dict[Key, Row | None] = {}
        self._stored: HotPlace | None = None
        """Where the store stands."""
        self._at: HotPlace | None = None
        """Where the copy stands, as far as is known."""
        self._time_ms = 0
        self._bringing_s = 0.0
        """When what is being brought was looked at: what the copy lacks after that came later."""
        self._since_s: float | None = None
        """Since when the copy lacks something; None: it has all."""
        self._build, self._log = build, ""
        """Of which log and build the rows are; empty before its first record."""
        self._news = asyncio.Event()
        self._muted = self._gone = False

    def mute(self, *, muted: bool, gone: bool = False) -> None:
        """Leave the copy to another build, or take it over, with all rows of one's own.

        `gone`: that build has a copy of its own, since it is of another version: nobody keeps this one.
        """
        self._muted, self._at, self._changed, self._gone = muted, None, {}, gone
        self._since_s = time.monotonic()
        self._news.set()

    @property
    def position(self) -> int | None:
        """Where the copy stands, as far as is known; None: it is not there, or not known."""
        return None if self._at is None else self._at.next_offset

    @property
    def lag_s(self) -> float | None:
        """For how long the copy has lacked something that the store has, 0: nothing; None: another build keeps it."""
        since_s = self._since_s
        return None if self._muted else 0.0 if since_s is None else time.monotonic() - since_s

    def loaded(self, loaded: Loaded, moved_ms: int = 0) -> None:
        """The lane begins anew: so does the copy. `moved_ms`: up to which time its windows are."""
        self._rows = {self._table.key_of(row): row for row in loaded.rows.get(self._table, ())}
        self._changed = {}
        self._stands(loaded.checkpoint, moved_ms)
        self._at = None
        self._news.set()

    def committed(self, reached: Checkpoint, changes: Changes, moved_ms: int = 0) -> None:
        """Rows up to `reached` are in the store, and windows up to `moved_ms`."""
        for key, row in changes.rows(self._table):
            if not self._muted:
                self._changed[key] = row
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        self._stands(reached, moved_ms)
        self._news.set()

    def _stands(self, at: Checkpoint, moved_ms: int) -> None:
        if self._since_s is None:
            self._since_s = time.monotonic()
        self._stored, self._time_ms = HotPlace(at.next_offset, max(at.time_ms, moved_ms)), at.time_ms
        self._log = "" if at.genesis is None else f"{at.genesis.log_id.hex()}@{self._build or FIRST}"

    async def run(self) -> None:
        """Keep the copy up to date, until cancelled."""
        while True:
            with suppress(TimeoutError):  # then look whether the copy is still there
                await asyncio.wait_for(self._news.wait(), self._settings.mirror_look_s)
            self._news.clear()
            try:
                if not self._muted:
                    await self._bring()
                elif self._gone:
                    await self._store.drop([self._copy])
                    self._gone, self.trouble = False, None
            except SinkError as error:
                self.trouble, self._at = error, None
                self._since_s = self._since_s or time.monotonic()
                self._news.set()
                await self._backoff.pause()

    async def _bring(self) -> None:
        end, time_ms, log = self._stored, self._time_ms, self._log
        changed, begun = self._changed, self._rows
        self._bringing_s = time.monotonic()
        if end is None:
            return
        self._changed = {}
        if self._at is None or not await self._applied(self._at, end, time_ms, log, changed):
            await self._replace()
        else:
            self._stands_at(end, begun)

    async def _applied(
        self, start: HotPlace, end: HotPlace, time_ms: int, log: str, changed: dict[Key, Row | None]
    ) -> bool:
        documents = {hot_key(key): None if row is None else hot_row(row) for key, row in changed.items()}
        documents[TIME] = str(time_ms)
        return await self._store.apply(self._copy, start, end, documents, log)

    async def _replace(self) -> None:
        end, time_ms, log, begun = self._stored, self._time_ms, self._log, self._rows
        assert end is not None
        self._changed = {}
        documents = {TIME: str(time_ms)}
        for done, (key, row) in enumerate(list(begun.items()), 1):
            documents[hot_key(key)] = hot_row(row)
            if not done % DOCUMENTS_A_TURN:
                await asyncio.sleep(0)
        await self._store.replace(self._copy, end, documents, log)
        self._stands_at(end, begun)
        await self._pause(self._settings.mirror_pause_s)

    def _stands_at(self, end: HotPlace, begun: dict[Key, Row]) -> None:
        self.trouble = None
        self._backoff.succeeded()
        if (
            begun is self._rows and not self._muted
        ):  # else the lane has begun anew meanwhile, perhaps further back
            self._at = end
            self._since_s = None if end == self._stored and not self._changed else self._bringing_s
