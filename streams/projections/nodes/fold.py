"""The fold behind the tables of nodes, services and brakes.

A decision's events go into a draft first; only when all of them fit is it settled. So a decision is folded wholly or
not at all.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from streams.domain.nodes.events import (
    InstanceHealthChanged,
    InstanceRegistered,
    InstancesLeft,
    InstanceUpdated,
    NodesHeard,
    OfBrakeEvent,
)
from streams.domain.nodes.names import SERVICE, name_of
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.asked import Asked
from streams.projections.causes import When
from streams.projections.nodes import brakes, nodes, rows, services
from streams.projections.nodes.cause import Cause
from streams.projections.nodes.counting import Gauges, count, count_instance
from streams.projections.nodes.draft import Draft, Standings
from streams.projections.nodes.tables import (
    BRAKE_HISTORY,
    BRAKES,
    INSTANCE_HISTORY,
    NODE_HISTORY,
    NODE_WINDOWS,
    NODES,
    SERVICE_INSTANCES,
    SERVICES,
)
from streams.projections.nodes.values import NEVER, NodeChangeRow, NodeRow
from streams.projections.nodes.windows import NodeCounts
from streams.projections.projection import PoisonDecision
from streams.projections.table import Changes, Row, Table
from streams.projections.text import storable
from streams.projections.windows import Windows
from streams.wire.keys import key_of


class NodesFold:
    """One partition of the read model `nodes`."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary) -> None:
        self._partition = where.partition
        self._standings = Standings()
        self._restoring: dict[Table, list[Row]] = {}
        self._changes = Changes()
        self._asked = Asked(vocabulary)
        self._gauges = Gauges()
        self._windows = Windows(where.partition, NODE_WINDOWS, NodeCounts, self._gauges)

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back nodes, services, instances, brakes and open windows, in any order."""
        if table is NODE_WINDOWS:
            for row in rows:
                self._windows.restore(row)
        else:
            self._restoring.setdefault(table, []).extend(rows)

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold one accepted commit but for the decisions `without`. Raises `PoisonDecision`."""
        if self._restoring:
            restored(self._standings, self._restoring)
            self._restoring = {}
            self._gauges.begin(self._standings)
        self._windows.reach(accepted.offset, accepted.time_ms)
        when = When(accepted.offset, accepted.time_ms, accepted.commit.lease_ms)
        for decided in accepted.decided:
            if decided.index in without:
                continue
            if decided.events:
                draft = Draft(self._standings)
                try:
                    self._draft(draft, decided, when)
                except LookupError as error:
                    raise PoisonDecision(accepted, decided.index, error) from error
                self._count(draft, decided.decision.tenant)
                draft.settle(self._changes)
            self._answered(decided.decision)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        changes, self._changes = self._changes, Changes()
        self._windows.take(changes)
        return changes

    def _count(self, draft: Draft, tenant: str) -> None:
        """Count what the decision did, before it is settled."""
        if self._gauges.change(tenant, draft) or any(draft.counts.numbers.values()):
            self._windows.of(tenant).add(draft.counts)

    def _answered(self, decision: LoggedDecision) -> None:
        if decision.tenant and self._asked.is_command(decision):
            self._asked.count(self._windows.of(decision.tenant), decision)

    def _draft(self, draft: Draft, decided: Decided, when: When) -> None:
        decision = decided.decision
        by, client = decision.principal, storable(decision.meta.client)
        cause = Cause(self._partition, decision.tenant, when, by, client, decided.number)
        for number, event in enumerate(decided.events, decided.number):
            _apply(draft, decision.key, event, replace(cause, event=number))


def _apply(draft: Draft, key: str, event: Any, cause: Cause) -> None:
    """Fold one event; those of watches and of the engine are no business of any row."""
    if type(event) is NodesHeard:
        _heard(draft, event, cause)
    elif isinstance(event, nodes.OfOneNode):
        change = nodes.changed(draft.nodes.get(key), event, cause)
        if change is not None:
            count(draft.counts, change, cause.when.time_ms, draft.nodes.get(key))
            _put_node(draft, key, change.node, cause)
            draft.write(NODE_HISTORY, rows.node_history_row(cause.tenant, change))
            if change.what == "FORGOTTEN":
                draft.nodes.put(key, None)
                draft.delete(NODES, cause.partition, cause.tenant, change.node.name)
    elif isinstance(event, InstanceRegistered | InstanceUpdated | InstanceHealthChanged | InstancesLeft):
        _of_instances(draft, key, event, cause)
    elif isinstance(event, OfBrakeEvent):
        before = draft.brakes.get(cause.tenant)
        brake = brakes.changed(before, event, cause)
        draft.brakes.put(cause.tenant, brake.brake)
        draft.counts.count("mass_failures", brake.what == "ALARMED")
        draft.write(BRAKES, rows.brake_row(cause.tenant, brake.brake), known=before is not None)
        draft.write(BRAKE_HISTORY, rows.brake_history_row(cause.tenant, brake))


def _heard(draft: Draft, event: NodesHeard, cause: Cause) -> None:
    for beat in event.beats:
        key = key_of(cause.tenant, beat.name)
        told = nodes.heard(draft.nodes.get(key), beat, cause)
        if isinstance(told, NodeChangeRow):
            count(draft.counts, told, cause.when.time_ms, draft.nodes.get(key))
            draft.write(NODE_HISTORY, rows.node_history_row(cause.tenant, told))
            told = told.node
        if told is not None:
            _put_node(draft, key, told, cause)


def _put_node(draft: Draft, key: str, node: NodeRow, cause: Cause) -> None:
    draft.write(NODES, rows.node_row(cause.tenant, node), known=draft.nodes.get(key) is not None)
    draft.nodes.put(key, node)


def _of_instances(draft: Draft, key: str, event: services.OfInstances, cause: Cause) -> None:
    name = name_of(key).removeprefix(SERVICE)
    before = draft.services.get(key)
    known = set() if before is None else set(before.instances)
    service, changes = services.changed(before, name, event, cause)
    at = (cause.partition, cause.tenant, name)
    for change in changes:
        count_instance(draft.counts, change.what)
        draft.write(INSTANCE_HISTORY, rows.instance_history_row(cause.tenant, change))
        if change.what == "LEFT":
            draft.delete(SERVICE_INSTANCES, *at, change.instance.instance)
        else:
            row = rows.instance_row(cause.tenant, change.instance)
            draft.write(SERVICE_INSTANCES, row, known=change.instance.instance in known)
    draft.services.put(key, service if service.instances else None)
    if service.instances:
        draft.write(SERVICES, rows.service_row(cause.tenant, service), known=before is not None)
    else:
        draft.delete(SERVICES, *at)


def restored(standings: Standings, found: dict[Table, list[Row]]) -> None:
    """Take back what stands, from its rows."""
    for row in found.get(NODES, ()):
        standings.nodes[key_of(row[1], row[2])] = rows.node_of((row[0], *row[2:]), NEVER)
    for row in found.get(SERVICES, ()):
        standings.services[key_of(row[1], SERVICE + row[2])] = rows.standing_of(row)
    for row in found.get(SERVICE_INSTANCES, ()):
        one = rows.instance_of((row[0], *row[2:]))
        standings.services[key_of(row[1], SERVICE + row[2])].instances[one.instance] = one
    for row in found.get(BRAKES, ()):
        standings.brakes[row[1]] = rows.brake_of((row[0], *row[2:]), NEVER)
