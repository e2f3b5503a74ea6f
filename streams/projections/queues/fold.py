"""The fold behind the tables of queues.

A decision's events go into a draft of its shard first; only when all of them fit is it settled. So a decision is
folded wholly or not at all.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import PartitionId
from streams.log.vocabulary import ENGINE_EVENTS, Vocabulary
from streams.projections.projection import PoisonDecision
from streams.projections.queues.changing import Cause, apply
from streams.projections.queues.draft import Draft
from streams.projections.queues.standing import Shard, restored
from streams.projections.queues.steps import NOBODY, When, Who
from streams.projections.queues.tables import (
    QUEUE_HISTORY,
    QUEUE_SHARDS,
    QUEUE_SUBSCRIPTIONS,
    QUEUE_WINDOWS,
)
from streams.projections.queues.windows import QueueCounts
from streams.projections.table import Changes, Row, Table
from streams.projections.text import storable
from streams.projections.windows import Windows


class QueuesFold:
    """One partition of the read model `queues`."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary) -> None:  # noqa: ARG002 - all folds take it
        self._partition = where.partition
        self._restoring: dict[Table, list[Row]] = {}
        self._shards: dict[str, Shard] = {}
        self._touched: dict[str, Shard] = {}
        self._of_commit: dict[str, tuple[Shard, bool]] = {}
        """What the newest commit changed, and whether its settings."""
        self._windows = Windows(where.partition, QUEUE_WINDOWS, QueueCounts)
        self._changes = Changes()
        self._when = When(-1, 0, 0)

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back shards, subscriptions, deliveries and open windows, in any order."""
        if table is QUEUE_WINDOWS:
            for row in rows:
                self._windows.restore(row)
        else:
            self._restoring.setdefault(table, []).extend(rows)

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold one accepted commit but for the decisions `without`. Raises `PoisonDecision`."""
        if self._restoring:
            self._shards, self._restoring = restored(self._restoring), {}
        if accepted.offset != self._when.offset:
            self._note_down()
        self._when = When(accepted.offset, accepted.time_ms, accepted.commit.lease_ms)
        self._windows.reach(accepted.offset, accepted.time_ms)
        for decided in accepted.decided:
            if decided.events and decided.index not in without:
                self._decided(accepted, decided)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        self._note_down()
        changes = self._changes
        for shard in self._touched.values():
            if not shard.deleted:
                changes.upsert(QUEUE_SHARDS, shard.row())
                for name in sorted(shard.touched):
                    changes.upsert(QUEUE_SUBSCRIPTIONS, shard.subscriptions[name].row(shard.head))
                shard.touched.clear()
        self._windows.take(changes)
        self._touched, self._changes = {}, Changes()
        return changes

    def _note_down(self) -> None:
        """Add how the shards stand behind the commit that changed them."""
        for shard, configured in self._of_commit.values():
            self._changes.insert(QUEUE_HISTORY, shard.history_row(with_settings=configured))
        self._of_commit = {}

    def _decided(self, accepted: AcceptedCommit, decided: Decided) -> None:
        """Fold the events of one decision. Raises `PoisonDecision`, and has then changed nothing."""
        key = decided.decision.key
        draft = Draft(self._shards.get(key))
        try:
            concerned = self._draft(draft, decided)
        except LookupError as error:
            raise PoisonDecision(accepted, decided.index, error) from error
        if concerned:
            self._settle(key, draft)

    def _draft(self, draft: Draft, decided: Decided) -> bool:
        """Apply the events; return whether one concerns a queue."""
        decision = decided.decision
        who = NOBODY
        if decision.principal:
            meta = decision.meta
            who = Who(None, decision.principal, storable(meta.client), storable(meta.handle))
        cause = Cause(self._place(decision.key), self._when, who, decided.number)
        concerned = False
        for number, event in enumerate(decided.events, decided.number):
            if type(event) not in ENGINE_EVENTS:
                apply(draft, event, cause if number == cause.event else replace(cause, event=number))
                concerned = True
        return concerned

    def _place(self, key: str) -> tuple[int, str, str, int]:
        tenant, _, name = key.partition("/")
        queue, _, shard = name.partition("#")
        return (self._partition, tenant, queue, int(shard or 0))

    def _settle(self, key: str, draft: Draft) -> None:
        if draft.shard is None and draft.head is None:
            return
        shard = draft.settle(self._changes, self._when.offset, self._when.time_ms)
        _, configured = self._of_commit.get(key, (shard, False))
        self._of_commit[key] = (shard, configured or draft.configured)
        self._touched[key] = shard
        if shard.deleted:
            del self._shards[key]
        else:
            self._shards[key] = shard
        if draft.counts is not None:
            self._windows.of(shard.head.tenant, shard.head.queue).add(draft.counts)
