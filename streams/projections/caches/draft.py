"""What one decision does to one shard, in steps that are taken back if it turns out not to fit."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from streams.log.undo import Undo
from streams.projections.caches.reads import Beginning, Ending, LineEnding, Pending
from streams.projections.caches.standing import COUNTED, ENTRY, LINE, LISTENER, PENDING, Shard
from streams.projections.caches.tables import (
    CACHE_ENTRIES,
    CACHE_LINES,
    CACHE_LISTENERS,
    CACHE_PENDING,
)
from streams.projections.causes import When
from streams.projections.measures import Noted
from streams.projections.table import Changes, Row, Table

OPEN: Final[Row] = (None, None, None, None)
_NO_TIME: Final[Row] = (None, None)
_STATES: Final = {"MODIFIED": "modified", "EXCLUSIVE": "exclusive", "SHARED": "shared"}
_Write: TypeAlias = tuple[Callable[[Changes, Table, Row], None], Table, Row]


class Draft:
    """A shard in the making."""

    __slots__ = ("_undo", "_writes", "configured", "event", "noted", "shard", "when")

    def __init__(self, shard: Shard, when: When) -> None:
        self.shard, self.when = shard, when
        self.event = 0
        """Number of the event that is being folded."""
        self.configured = False
        self.noted: Noted | None = None
        self._undo = Undo()
        self._undo.recording = True
        self._writes: list[_Write] = []

    def take_back(self) -> None:
        """Leave the shard as it was."""
        self._undo.back_to(0)

    def settle(self, changes: Changes) -> None:
        """Put the rows into `changes`."""
        for write, table, row in self._writes:
            write(changes, table, row)

    def counted(self) -> Noted:
        """Return what is to be counted in the window."""
        if self.noted is None:
            self.noted = Noted()
        return self.noted

    def assign(self, name: str, new: Any) -> None:
        """Set an attribute of the shard."""
        self._undo.assign(self.shard, name, new)

    def times(self, lease_ms: int) -> Row:
        """Return a lease time, and about when that is; 0: neither."""
        return (lease_ms, self.when.wall(lease_ms)) if lease_ms else _NO_TIME

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────

    def begin_value(self, name: str, version: int, cause: Beginning, told: Row) -> None:
        """A value of an entry begins; `told`: the columns from `bytes` to `client`."""
        head, when = self.shard.there, self.when
        begun = (
            head.partition, head.incarnation, name, self.event, head.tenant, head.cache, head.shard, version, cause,
            *told, when.offset, when.time_ms,
        )  # fmt: skip
        row = begun + OPEN
        self._undo.put(self.shard.entries, name, row)
        self.assign("bytes", self.shard.bytes + row[ENTRY["bytes"]])
        self._insert(CACHE_ENTRIES, row)

    def end_value(self, name: str, ended: Ending) -> Row | None:
        """The value of an entry, if it has one, ends; return its row."""
        row = self.shard.entries.get(name)
        if row is not None:
            self._undo.drop(self.shard.entries, name)
            self.assign("bytes", self.shard.bytes - row[ENTRY["bytes"]])
            self._upsert(CACHE_ENTRIES, self._ended(row, ended))
        return row

    # ── lines ───────────────────────────────────────────────────────────────────────────────────────────

    def begin_line(self, name: str, attachment: int, state: str, token: int, version: int) -> None:
        """A line begins. Raises `LookupError` if there is no such listener."""
        shard, when = self.shard, self.when
        head, listener = shard.there, shard.listeners[attachment]
        row = (
            head.partition, self.event, attachment, head.incarnation, head.tenant, head.cache, name, version, token,
            state, *listener[LISTENER["principal"] : LISTENER["session"] + 1], when.offset, when.time_ms, *OPEN,
        )  # fmt: skip
        if name not in shard.of_entry:
            self._undo.put(shard.of_entry, name, {})
        self._undo.put(shard.of_entry[name], attachment, token)
        self._undo.put(shard.lines, token, row)
        self._undo.put(shard.held, attachment, shard.held.get(attachment, 0) + 1)
        self._tally(state, 1)
        self._insert(CACHE_LINES, row)

    def end_line(self, token: int, ended: LineEnding) -> Row:
        """A line ends; a listener that is gone and has no more lines is forgotten. Raises `LookupError`."""
        shard = self.shard
        row = shard.lines[token]
        name, attachment = row[LINE["entry"]], row[LINE["attachment"]]
        self._undo.drop(shard.lines, token)
        self._undo.drop(shard.of_entry[name], attachment)
        if not shard.of_entry[name]:
            self._undo.drop(shard.of_entry, name)
        self._tally(row[LINE["state"]], -1)
        self._upsert(CACHE_LINES, self._ended(row, ended))
        left = shard.held[attachment] - 1
        if left:
            self._undo.put(shard.held, attachment, left)
        else:
            self._undo.drop(shard.held, attachment)
            if shard.listeners[attachment][LISTENER["gone"]] is not None:
                self.forget_listener(attachment)
        return row

    def line_of(self, name: str, attachment: int) -> int | None:
        """Return the token of a listener's line of an entry."""
        return self.shard.of_entry.get(name, {}).get(attachment)

    def end_lines(self, name: str, ended: LineEnding) -> None:
        """All lines of an entry end."""
        for token in list(self.shard.of_entry.get(name, {}).values()):
            self.end_line(token, ended)

    def _tally(self, state: str, by: int) -> None:
        field = _STATES[state]
        self.assign(field, getattr(self.shard, field) + by)

    def end_all(self, ended: Literal["CLOSED"]) -> None:
        """All values and lines end: one change, however many there are."""
        shard = self.shard
        head, event = shard.there, self.event
        which = (("partition", head.partition), ("incarnation", head.incarnation))
        end = (event, self.when.offset, self.when.time_ms, ended)
        for table in (CACHE_ENTRIES, CACHE_LINES):
            self._writes.append((partial(Changes.close, end=end), table, which))
        for attachment in list(shard.held):
            if shard.listeners[attachment][LISTENER["gone"]] is not None:
                self.forget_listener(attachment)
        for name in ("entries", "lines", "of_entry", "held"):
            self.assign(name, {})
        for name in ("bytes", "modified", "exclusive", "shared"):
            self.assign(name, 0)

    # ── listeners ───────────────────────────────────────────────────────────────────────────────────────

    def put_listener(self, row: Row) -> None:
        """Add a listener, or replace its row."""
        attachment = row[LISTENER["attachment"]]
        there = attachment in self.shard.listeners
        self._undo.put(self.shard.listeners, attachment, row)
        (self._upsert if there else self._insert)(CACHE_LISTENERS, row)

    def forget_listener(self, attachment: int) -> None:
        """Drop a listener's row."""
        row = self.shard.listeners[attachment]
        self._undo.drop(self.shard.listeners, attachment)
        self._delete(CACHE_LISTENERS, row)

    # ── what is under way ───────────────────────────────────────────────────────────────────────────────

    def begin_pending(self, what: Pending, name: str, told: Row) -> None:
        """Something is under way; `told`: the columns from `purpose` to `until_ms`."""
        shard, when = self.shard, self.when
        row = (
            shard.there.partition, self.event, shard.there.incarnation, what, name, *told, when.offset, when.time_ms,
        )  # fmt: skip
        self._undo.put(shard.pending, self.event, row)
        if what == "CHANGE":
            self._undo.put(shard.change_of, name, self.event)
        elif what == "FILL":
            attachment = row[PENDING["attachment"]]
            self._undo.put(shard.fill_of, name, self.event)
            if attachment not in shard.fills_of:
                self._undo.put(shard.fills_of, attachment, {})
            self._undo.put(shard.fills_of[attachment], name, True)
        self._work(what, 1)
        self._insert(CACHE_PENDING, row)

    def end_pending(self, event: int) -> Row:
        """What event `event` began is over; return its row. Raises `LookupError`."""
        shard = self.shard
        row = shard.pending[event]
        name, what = row[PENDING["entry"]], row[PENDING["what"]]
        self._undo.drop(shard.pending, event)
        if what == "CHANGE":
            self._undo.drop(shard.change_of, name)
        elif what == "FILL":
            attachment = row[PENDING["attachment"]]
            self._undo.drop(shard.fill_of, name)
            self._undo.drop(shard.fills_of[attachment], name)
            if not shard.fills_of[attachment]:
                self._undo.drop(shard.fills_of, attachment)
        self._work(what, -1)
        self._delete(CACHE_PENDING, row)
        return row

    def end_change(self, name: str) -> None:
        """The change of an entry, if one is under way, is over."""
        event = self.shard.change_of.get(name)
        if event is not None:
            self.end_pending(event)

    def end_recall(self, name: str) -> None:
        """Nobody is asked any more to write an entry back."""
        event = self.shard.change_of.get(name)
        if event is not None and self.shard.pending[event][PENDING["purpose"]] == "RECALL":
            self.end_pending(event)

    def end_fill(self, name: str) -> None:
        """The loading of an entry, if somebody loads it, is over."""
        event = self.shard.fill_of.get(name)
        if event is not None:
            self.end_pending(event)

    def _work(self, what: Pending, by: int) -> None:
        field = COUNTED.get(what)
        if field is not None:
            self.assign(field, getattr(self.shard, field) + by)

    # ── rows ────────────────────────────────────────────────────────────────────────────────────────────

    def _ended(self, row: Row, ended: str) -> Row:
        return (*row[: -len(OPEN)], self.event, self.when.offset, self.when.time_ms, ended)

    def _insert(self, table: Table, row: Row) -> None:
        self._writes.append((Changes.insert, table, row))

    def _upsert(self, table: Table, row: Row) -> None:
        self._writes.append((Changes.upsert, table, row))

    def _delete(self, table: Table, row: Row) -> None:
        self._writes.append((Changes.delete, table, table.key_of(row)))
