"""What the folds of kinds with shards share: a decision is folded wholly or not at all, a shard is told once a commit.

A shard is told by its row, as it stands behind a stretch, and by a row of history, as each commit left it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import PartitionId
from streams.log.vocabulary import ENGINE_EVENTS, Vocabulary
from streams.projections.asked import Asked
from streams.projections.causes import Cause, When, cause_of, place_of
from streams.projections.measures import Measures
from streams.projections.projection import PoisonDecision
from streams.projections.table import Changes, Row, Table
from streams.projections.windows import C, Windows


class Shard(Protocol):
    """One shard, as its fold keeps it."""

    @property
    def deleted(self) -> bool:
        """Whether it is gone."""

    def row(self) -> Row:
        """Return its row."""

    def history_row(self, *, with_settings: bool) -> Row:
        """Return its row of history as of the commit that changed it last."""


S = TypeVar("S", bound=Shard)


class Places(Generic[S]):
    """The shards of one partition by tenant and name, for the gauges of windows."""

    def __init__(self, measures: Measures, gauges: Callable[[S], Row]) -> None:
        self._measures, self._gauges = measures, gauges
        self._shards: dict[Row, dict[str, S]] = {}

    def put(self, key: str, shard: S) -> None:
        """A shard is there, or gone."""
        tenant, name, _ = place_of(key)
        there = self._shards.setdefault((tenant, name), {})
        if shard.deleted:
            there.pop(key, None)
        else:
            there[key] = shard
        if not there:
            del self._shards[tenant, name]

    def gauges(self, key: Row) -> Row:
        """Return the gauges of all shards of a name."""
        return self._measures.together(map(self._gauges, self._shards.get(key, {}).values()))

    def always(self) -> Iterable[Row]:
        """Return nothing: there may be any number of names, most of which stand still."""
        return ()


class ShardedFold(ABC, Generic[S, C]):
    """One partition of a read model whose keys are shards."""

    def __init__(
        self, where: PartitionId, vocabulary: Vocabulary, shards: Table, history: Table, counted: type[C]
    ) -> None:
        self._partition, self._shard_table, self._history_table = where.partition, shards, history
        self._asked = Asked(vocabulary)
        self._places: Places[S] = Places(counted.measures, self._gauges)
        self._window_table = counted.measures.windows
        self._windows: Windows[C] = Windows(self._partition, self._window_table, counted, self._places)
        self._restoring: dict[Table, list[Row]] = {}
        self._shards: dict[str, S] = {}
        self._touched: dict[str, S] = {}
        self._of_commit: dict[str, tuple[S, bool]] = {}
        """What the newest commit changed, and whether its settings."""
        self._counts: dict[str, C] = {}
        """What the newest commit is counted in, by key."""
        self._changes = Changes()
        self._when = When(-1, 0, 0)

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back what stands, and open windows, in any order."""
        if table == self._window_table:
            for row in rows:
                self._windows.restore(row)
        else:
            self._restoring.setdefault(table, []).extend(rows)

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold one accepted commit but for the decisions `without`. Raises `PoisonDecision`."""
        if self._restoring:
            self._shards, self._restoring = self._restored(self._restoring), {}
            for key, shard in self._shards.items():
                self._places.put(key, shard)
        if accepted.offset != self._when.offset:
            self._note_down()
        self._when = When(accepted.offset, accepted.time_ms, accepted.commit.lease_ms)
        self._windows.reach(accepted.offset, accepted.time_ms)
        self._counts = {}
        for decided in accepted.decided:
            if decided.index in without:
                continue
            if decided.events:
                self._decided(accepted, decided)
            decision = decided.decision
            if self._asked.is_command(decision) and decision.key in self._shards:
                self._asked.count(self._counting(decision.key), decision)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        self._note_down()
        changes = self._changes
        for shard in self._touched.values():
            if not shard.deleted:
                changes.upsert(self._shard_table, shard.row())
                self._put_more(changes, shard)
        self._windows.take(changes)
        self._touched, self._changes = {}, Changes()
        return changes

    @abstractmethod
    def _restored(self, rows: Mapping[Table, Sequence[Row]]) -> dict[str, S]:
        """Return the shards, by key, that rows tell of."""

    @abstractmethod
    def _folded(self, key: str, events: Sequence[tuple[Any, Cause]]) -> tuple[S | None, bool]:
        """Fold the events of one decision; return the shard, and whether its settings changed.

        Raises `LookupError` if one does not fit, and has then changed nothing.
        """

    @abstractmethod
    def _gauges(self, shard: S) -> Row:
        """Return what a shard adds to the gauges."""

    def _put_more(self, changes: Changes, shard: S) -> None:
        """Put further rows of a shard that changed, which are not written at every event."""

    def _note_down(self) -> None:
        """Add how the shards stand behind the commit that changed them."""
        for shard, configured in self._of_commit.values():
            self._changes.insert(self._history_table, shard.history_row(with_settings=configured))
        self._of_commit = {}

    def _decided(self, accepted: AcceptedCommit, decided: Decided) -> None:
        key, events = decided.decision.key, self._events(decided)
        if not events:
            return
        try:
            shard, configured = self._folded(key, events)
        except LookupError as error:
            raise PoisonDecision(accepted, decided.index, error) from error
        if shard is None:
            return
        _, before = self._of_commit.get(key, (shard, False))
        self._of_commit[key] = (shard, configured or before)
        self._touched[key] = shard
        self._counting(key)
        if shard.deleted:
            self._places.put(key, shard)
            self._shards.pop(key, None)
        elif self._shards.get(key) is not shard:
            self._places.put(key, shard)
            self._shards[key] = shard

    def _counting(self, key: str) -> C:
        """Return what the commit is counted in: the open window of the name, which so is told anew."""
        counts = self._counts.get(key)
        if counts is None:
            tenant, name, _ = place_of(key)
            counts = self._counts[key] = self._windows.of(tenant, name)
        return counts

    def _events(self, decided: Decided) -> list[tuple[Any, Cause]]:
        """Return the events that are the kind's own."""
        first = cause_of(self._partition, decided, self._when)
        return [
            (event, first if number == decided.number else replace(first, event=number))
            for number, event in enumerate(decided.events, decided.number)
            if type(event) not in ENGINE_EVENTS
        ]
