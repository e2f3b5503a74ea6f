"""One partition of the activity of a kind: facts of its decisions, counted in windows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

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
        for decided in accepted.decided:
            if decided.index in without or decided.decision.command in self._of.without:
                continue
            tenant, _, name = decided.decision.key.partition("/")
            if tenant and name:
                fact = self._fact(name.partition("#")[0] if self._of.sharded else name, decided, time_ms)
                names.append(((tenant, fact.name), time_ms, fact))
                tenants.append(((tenant, ""), time_ms, fact))
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

    def _happened(self, events: Iterable[Any]) -> dict[str, int]:
        weight, found = self._of.weight, dict[str, int]()
        for event in events:
            label = type(event).__name__
            found[label] = found.get(label, 0) + (1 if weight is None else weight(event))
        return found
