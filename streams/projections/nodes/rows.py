"""Rows of the tables, and the `values` that they are. Pure: for the fold and every adapter.

What is read comes in the order of a value's columns (`tables`): of history too, where `event` is a column of the key.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from streams.log.positions import PartitionId, Position
from streams.projections.nodes.services import Standing
from streams.projections.nodes.tables import BRAKE_STATE, INSTANCE_STATE, NODE_STATE
from streams.projections.nodes.values import (
    KIND,
    NEVER,
    BrakeChangeRow,
    BrakeRow,
    InstanceChangeRow,
    InstanceRow,
    NodeChangeRow,
    NodeRow,
    ServiceRow,
)
from streams.projections.reads import AsOf
from streams.projections.table import Row

_NODE_EVENT, _INSTANCE_EVENT, _BRAKE_EVENT = (
    state.names.index("event") for state in (NODE_STATE, INSTANCE_STATE, BRAKE_STATE)
)


def _bare(row: Row, event: int) -> Row:
    return row[:event] + row[event + 1 :]


def node_row(tenant: str, node: NodeRow) -> Row:
    """Return the row of `NODES`."""
    return (node.partition, tenant, node.name, *NODE_STATE.row(node))


def node_history_row(tenant: str, change: NodeChangeRow) -> Row:
    """Return the row of `NODE_HISTORY`."""
    node = change.node
    state = _bare(NODE_STATE.row(node), _NODE_EVENT)
    told = (change.what, change.by, change.why)
    return (node.partition, tenant, node.name, node.event, *told, *state)


def instance_row(tenant: str, one: InstanceRow) -> Row:
    """Return the row of `SERVICE_INSTANCES`."""
    return (one.partition, tenant, one.service, one.instance, *INSTANCE_STATE.row(one))


def instance_history_row(tenant: str, change: InstanceChangeRow) -> Row:
    """Return the row of `INSTANCE_HISTORY`."""
    one = change.instance
    state = _bare(INSTANCE_STATE.row(one), _INSTANCE_EVENT)
    told = (change.what, change.cause, change.why, change.spell, change.keyframe)
    return (one.partition, one.event, change.part, tenant, one.service, one.instance, *told, *state)


def service_row(tenant: str, service: Standing) -> Row:
    """Return the row of `SERVICES`."""
    one = service.shown
    return (
        one.partition, tenant, one.name, one.version, one.instance_count, one.healthy_count, one.draining_count,
        one.since_ms, one.changed_offset, one.changed_ms, service.spells,
    )  # fmt: skip


def standing_of(row: Row) -> Standing:
    """Return what `service_row` made a row of, without the instances."""
    partition, _, name, version, _, _, _, since_ms, changed_offset, changed_ms, spells = row
    return Standing(partition, name, version, {}, since_ms, spells, changed_offset, changed_ms)


def brake_row(tenant: str, brake: BrakeRow) -> Row:
    """Return the row of `BRAKES`."""
    return (brake.partition, tenant, *BRAKE_STATE.row(brake))


def brake_history_row(tenant: str, change: BrakeChangeRow) -> Row:
    """Return the row of `BRAKE_HISTORY`."""
    brake = change.brake
    state = _bare(BRAKE_STATE.row(brake), _BRAKE_EVENT)
    return (brake.partition, tenant, brake.event, change.what, change.by, change.why, *state)


def node_of(row: Row, as_of: AsOf) -> NodeRow:
    """Return a node of partition, name and state."""
    return NODE_STATE.value(row[2:], *row[:2], as_of=as_of)


def node_change_of(row: Row) -> NodeChangeRow:
    """Return a change of (what, by, why), partition, name and state, and where and when the next one is."""
    node = node_of(row[3:-2], NEVER)
    return NodeChangeRow(*(*row[:3], replace(node, as_of=_as_of(node)), *row[-2:]))


def instance_of(row: Row) -> InstanceRow:
    """Return an instance of partition, service, name and state."""
    return INSTANCE_STATE.value(row[3:], *row[:3])


def instance_change_of(row: Row) -> InstanceChangeRow:
    """Return a change of (part, what, cause, why, spell, keyframe), instance, and the next one's place and time."""
    keyframe = None if row[5] is None else tuple(row[5])
    return InstanceChangeRow(*(*row[:5], keyframe, instance_of(row[6:-2]), *row[-2:]))


def brake_of(row: Row, as_of: AsOf) -> BrakeRow:
    """Return the brake of partition and state."""
    return BRAKE_STATE.value(row[1:], row[0], as_of=as_of)


def brake_change_of(row: Row) -> BrakeChangeRow:
    """Return a change of (what, by, why), the brake, and where and when the next one is."""
    brake = brake_of(row[3:-2], NEVER)
    return BrakeChangeRow(*(*row[:3], replace(brake, as_of=_as_of(brake)), *row[-2:]))


def _as_of(row: NodeRow | BrakeRow) -> AsOf:
    assert row.changed_offset is not None, "history is of what was changed"
    return AsOf((), Position(PartitionId(KIND, row.partition), row.changed_offset))


def service_then(name: str, changes: Iterable[InstanceChangeRow], when: AsOf) -> ServiceRow | None:
    """Return the service of a moment by what had changed by then, oldest first, and that its keyframe names."""
    latest: dict[str, InstanceChangeRow] = {}
    last: InstanceRow | None = None
    for change in changes:
        latest[change.instance.instance] = change
        last = change.instance
    there = [latest[each].instance for each in sorted(latest) if latest[each].what != "LEFT"]
    if not there or last is None:
        return None
    healthy, draining = sum([one.healthy for one in there]), sum([one.draining for one in there])
    return ServiceRow(
        last.partition, name, last.version, len(there), healthy, draining, None, last.changed_offset,
        last.changed_ms, tuple(there), when,
    )  # fmt: skip


def service_of(row: Row, as_of: AsOf, instances: Iterable[Any] = ()) -> ServiceRow:
    """Return a service of partition, name, and what is told of all its instances."""
    return ServiceRow(*(*row, tuple(instances), as_of))
