"""One partition of the activity of a kind: facts of its decisions, counted in windows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.activity.fact import NOTHING, Fact, Lasting
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import NAMES, TENANTS, VIEWS
from streams.projections.asked import Asked
from streams.projections.table import Changes, Row, Table
from streams.projections.windowed import VIEW, WindowedRows


@value
class Counted:
    """What is counted of a kind."""

    sharded: bool = False
    """A key is a shard (`orders#1`), which counts for its resource."""
    without: frozenset[str] = frozenset()
    """Commands that there are too many of."""
    weight: Callable[[Any], int] | None = None
    """How many an event stands for; None: one."""
    lasting: Callable[[int], Lasting] | None = None
    """Partition -> what knows durations; None: nothing lasts."""


class ActivityFold:
    """One partition. Its rows depend on the commits and on when it was told to `advance`."""

    def __init__(self, counted: Counted, where: PartitionId, vocabulary: Vocabulary) -> None:
        self._of, self._vocabulary, self._asked = counted, vocabulary, Asked(vocabulary)
        self._lasting = None if counted.lasting is None else counted.lasting(where.partition)
        self._place_of = _shard_place if counted.sharded else _place
        self._views = {
            view: WindowedRows(ACTIVITY, where.partition, view, definition)
            for view, definition in VIEWS.items()
        }

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back all rows of a table."""
        stored = list(rows)
        if table is ACTIVITY:
            for view, windows in self._views.items():
                windows.restore([row for row in stored if row[VIEW] == view])
        elif self._lasting is not None:
            self._lasting.restore(stored)

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Count the decisions of a commit but those `without`."""
        time_ms, names, tenants = accepted.time_ms, [], []
        passed_by, place_of = self._of.without, self._place_of
        for decided in accepted.decided:
            decision = decided.decision
            if decided.index in without or decision.command in passed_by:
                continue
            place = place_of(decision.key)
            if place is not None:
                of_name, of_tenant = place
                fact = self._fact(of_name[1], decided, time_ms)
                names.append((of_name, time_ms, fact))
                tenants.append((of_tenant, time_ms, fact))
        for view, facts in ((NAMES, names), (TENANTS, tenants)):
            operator = self._views[view].operator
            operator.advance(time_ms)
            operator.add_many(facts)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        changes = Changes()
        for windows in self._views.values():
            windows.take(changes)
        if self._lasting is not None:
            self._lasting.take(changes)
        return changes

    @property
    def due_ms(self) -> int | None:
        """The time at which a window ends or is forgotten, though nothing is committed; None: there is none."""
        dues = (windows.operator.due_ms for windows in self._views.values())
        return min((due for due in dues if due is not None), default=None)

    @property
    def watermark_ms(self) -> int:
        """The event time up to which windows are over; 0: nothing came."""
        return max(windows.operator.progress.watermark_ms or 0 for windows in self._views.values())

    def advance(self, time_ms: int) -> None:
        """Nothing was committed before `time_ms` that it was not given."""
        for windows in self._views.values():
            windows.operator.advance(time_ms)

    @property
    def counters(self) -> Counter[str]:
        """What was counted, and put aside, since it is built, all views together."""
        progresses = (windows.operator.progress for windows in self._views.values())
        return sum((each.counters for each in progresses), Counter())

    def _fact(self, name: str, decided: Decided, time_ms: int) -> Fact:
        decision, events = decided.decision, decided.events
        client = refusal = None
        if self._asked.is_command(decision):
            client = f"{decision.principal}/{decision.meta.client}"
            if self._asked.is_rejected(decision):
                refusal = self._vocabulary.decode_reply(decision.reply).code
        ended = NOTHING if self._lasting is None else self._lasting.ended(events, time_ms)
        return Fact(name, client, refusal, self._happened(events) if events else None, ended)

    def _happened(self, events: Sequence[Any]) -> Mapping[str, int]:
        weight = self._of.weight
        if weight is None and len(events) == 1:
            return _one_of(type(events[0]).__name__)
        found = dict[str, int]()
        for event in events:
            label = type(event).__name__
            found[label] = found.get(label, 0) + (1 if weight is None else weight(event))
        return found


Place: TypeAlias = tuple[tuple[str, str], tuple[str, str]]
"""The keys of a name, and of its tenant."""


@lru_cache(maxsize=8192)
def _place(key: str) -> Place | None:
    tenant, _, name = key.partition("/")
    return ((tenant, name), (tenant, "")) if tenant and name else None


@lru_cache(maxsize=8192)
def _shard_place(key: str) -> Place | None:
    tenant, _, shard = key.partition("/")
    return ((tenant, shard.partition("#")[0]), (tenant, "")) if tenant and shard else None


@cache
def _one_of(event: str) -> Mapping[str, int]:
    return {event: 1}
