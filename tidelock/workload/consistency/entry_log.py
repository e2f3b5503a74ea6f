"""What the log says of the entries of caches: from where to where which value was current, and who could change it."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from streams.domain.caches import events as e
from streams.replay.verify import Decided
from tidelock.workload.consistency.operations import NOTHING, fingerprint

FOREVER: Final = 1 << 62
WRITTEN_BACK: Final = "EntryWrittenBack"
_DIED: Final = attrgetter("died")


@dataclass(slots=True, eq=False)
class Period:
    """From where to where in the log a value was current. Places are counts of events of one partition."""

    version: int
    value: int
    born: int
    cause: str
    """Name of the event that brought it."""
    writer: str = ""
    """The client that wrote it."""
    owner: str = ""
    """The client that may have written to it locally: it holds the line Modified."""
    died: int = FOREVER
    following: "Period | None" = None

    def last(self, value: int) -> "Period":
        """Return the last of the periods in a row that have this value: a write-back gives it another version."""
        period = self
        while (
            period.following is not None
            and period.following.cause == WRITTEN_BACK
            and period.following.value == value
        ):
            period = period.following
        return period


class EntryLog:
    """The periods of all entries. Told of all decisions that count, each partition's in the order of its log."""

    def __init__(self) -> None:
        self.lost = 0
        """Lines held Modified that ended unwritten."""
        self.partitions: dict[str, int] = {}
        """Of keys."""
        self._places: dict[int, int] = {}
        self._current: dict[str, dict[str, Period]] = {}
        self._periods: dict[tuple[str, str, int], list[Period]] = {}
        self._grants: dict[tuple[str, int], int] = {}
        self._waits: dict[tuple[str, int], int] = {}
        self._clients: dict[tuple[str, int], str] = {}

    # ── questions ───────────────────────────────────────────────────────────────────────────────────────────

    def periods(self, key: str, entry: str, version: int, after: int = 0) -> Iterator[Period]:
        """Yield, in order, when the entry was of this version; absences that are over at place `after` are left out."""
        self._entry(key, entry)
        known = self._periods.get((key, entry, version), [])
        start = 0 if version else bisect_right(known, after, key=_DIED)
        for at in range(start, len(known)):
            yield known[at]

    def latest(self, key: str, entry: str, version: int) -> Period:
        """Return the last time that the entry was of this version. Raises `LookupError` if it never was."""
        return self._periods[key, entry, version][-1]

    def granted(self, key: str, token: int) -> int:
        """Return the place of a grant; 0: there is none."""
        return self._grants.get((key, token), 0)

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, decided: Sequence[Decided]) -> None:
        """Note the events of one record's decisions."""
        for one in decided:
            for event in one.events:
                self.event(one.decision.key, event, one.position.partition.partition)

    def event(self, key: str, event: Any, partition: int = 0) -> None:
        """Note one event of a shard."""
        self.partitions.setdefault(key, partition)
        place = self._places[partition] = self._places.get(partition, 0) + 1
        match event:
            case e.EntryWritten():
                self._written(key, event, place)
            case e.EntryWrittenBack():
                self._written_back(key, event, place)
            case e.EntriesWarmed():
                for each in event.entries:
                    new = Period(event.token, fingerprint(each.value), place, "EntriesWarmed")
                    self._begin(key, each.entry, new)
            case e.LineLost():
                self._lost(key, event, place)
            case e.EntryDeleted():
                self._removed(key, (event.entry,), place, f"EntryDeleted by {event.client}")
            case e.EntriesRemoved():
                self._removed(key, event.entries, place, f"EntriesRemoved, {event.cause}")
            case e.CacheDeleted():
                self._removed(key, tuple(self._current.get(key, ())), place, "CacheDeleted")
            case _:
                self._no_change(key, event, place)

    def _no_change(self, key: str, event: Any, place: int) -> None:
        match event:
            case e.ListenerJoined():
                self._clients[key, event.attachment] = event.client
            case e.WaitStarted() if event.value is not None:
                self._waits[key, event.ticket] = fingerprint(event.value)
            case e.WaitEnded():
                self._waits.pop((key, event.ticket), None)
            case e.LineGranted():
                self._grants[key, event.token] = place
            case _:
                pass

    def _written(self, key: str, event: e.EntryWritten, place: int) -> None:
        value = self._waits.pop((key, event.ticket), NOTHING) if event.ticket else fingerprint(event.value)
        owner = event.client if event.state == "MODIFIED" else ""
        cause = f"EntryWritten by {event.client}"
        self._begin(key, event.entry, Period(event.token, value, place, cause, event.client, owner))

    def _written_back(self, key: str, event: e.EntryWrittenBack, place: int) -> None:
        client = self._clients.get((key, event.attachment), "")
        old = self._entry(key, event.entry)
        value = old.value if event.value is None else fingerprint(event.value)
        owner = client if event.state == "MODIFIED" else ""
        self._begin(key, event.entry, Period(event.token, value, place, WRITTEN_BACK, client, owner))

    def _lost(self, key: str, event: e.LineLost, place: int) -> None:
        self.lost += 1
        old = self._entry(key, event.entry)
        if old.version == event.token:  # the directory's value is the entry's again
            self._begin(key, event.entry, Period(old.version, old.value, place, "LineLost", old.writer))

    def _removed(self, key: str, entries: tuple[str, ...], place: int, cause: str) -> None:
        for entry in entries:
            if self._entry(key, entry).version:
                self._begin(key, entry, Period(NOTHING, NOTHING, place, cause))

    def _begin(self, key: str, entry: str, new: Period) -> None:
        old = self._entry(key, entry)
        old.died, old.following = new.born, new
        self._current[key][entry] = new
        self._periods.setdefault((key, entry, new.version), []).append(new)

    def _entry(self, key: str, entry: str) -> Period:
        """Return what is current; at the beginning of the log that is nothing."""
        entries = self._current.setdefault(key, {})
        found = entries.get(entry)
        if found is None:
            found = entries[entry] = Period(NOTHING, NOTHING, 0, "the beginning")
            self._periods[key, entry, NOTHING] = [found]
        return found
