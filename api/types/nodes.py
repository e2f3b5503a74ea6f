"""Nodes: what they say of themselves, how they are, and what became of them."""

from enum import Enum
from typing import cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.paging import Page, size_of
from api.types.asof import AsOf
from api.types.pages import PageInfo
from api.types.scalars import DateTime, Long, Position
from streams.projections.nodes.reads import HistoryPage
from streams.projections.nodes.values import NodeChangeRow, NodeRow


@strawberry.enum
class NodeStatus(Enum):
    """ALIVE; SUSPECTED: silent for half its timeout; ENDED: it died, left or was evicted."""

    ALIVE = "ALIVE"
    SUSPECTED = "SUSPECTED"
    ENDED = "ENDED"


@strawberry.enum
class Health(Enum):
    """As a node says of itself."""

    PASSING = "PASSING"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


@strawberry.enum
class SessionEnd(Enum):
    """Why a session ended."""

    SILENT = "SILENT"
    LEFT = "LEFT"
    REPLACED = "REPLACED"
    EVICTED = "EVICTED"


@strawberry.enum
class NodeWhat(Enum):
    """What happened to a node. HEARD: a heartbeat after suspicion, or with another health."""

    REGISTERED = "REGISTERED"
    CHANGED = "CHANGED"
    CHECKED = "CHECKED"
    HEARD = "HEARD"
    SUSPECTED = "SUSPECTED"
    DIED = "DIED"
    LEFT = "LEFT"
    DRAINED = "DRAINED"
    UNDRAINED = "UNDRAINED"
    SWEPT = "SWEPT"
    FORGOTTEN = "FORGOTTEN"


@strawberry.type(description="A named word.")
class Label:
    """A label. Comes as `commands.Label`."""

    name: str
    value: str


@strawberry.type(description="The outcome of one of a node's own checks.")
class NodeCheck:
    """A check. Comes as `commands.Check`."""

    name: str
    health: Health
    output: str


@strawberry.type(description="What a suspicion or a death rests on, by the partition's lease clock.")
class SilenceEvidence:
    """Evidence. Comes as `events.Evidence`."""

    heard_at: Long = strawberry.field(name="heardLeaseMs")
    silent_ms: Long
    beats: Long = strawberry.field(description="Heard in this session.")
    interval_ms: int = strawberry.field(description="One was to come every so often.")


@strawberry.type(description="A session that ended and may still own something somewhere.")
class UnsweptSession:
    """A session. Comes as `values.UnsweptRow`."""

    session: str
    cause: SessionEnd
    cause_id: Long
    ended_ms: DateTime = strawberry.field(name="endedAt")


async def _history(
    root: Parent[NodeRow], info: Info, first: int, after: str | None = None
) -> "NodeChangeConnection":
    """Load a page of what happened, together with those of all other nodes that are asked for."""
    context, size = info.context, size_of(first)
    seal = context.seal(f"nodeHistory/{root.name}", int, int)
    key = None if after is None else seal.open(after)
    context.inner.take(size)
    found, as_of = await context.loaders.node_histories.load(HistoryPage(root.name, size, key))
    return cast("NodeChangeConnection", Page(found, size, as_of, _change_key, seal, after))


def _change_key(row: NodeChangeRow) -> tuple[int, int]:
    return row.node.changed_offset, row.node.event


@strawberry.type(
    description="A node. Of an ENDED one: what its last session said of itself, and how that ended."
)
class Node:
    """A node. Comes as `values.NodeRow`."""

    name: str
    status: NodeStatus
    since_ms: DateTime = strawberry.field(name="since", description="When the status began.")
    session: str
    principal: str
    client: str
    registered_ms: DateTime = strawberry.field(name="registeredAt")
    address: str
    zone: str
    labels: list[Label] = strawberry.field(description="By name, as metadata.")
    capacity: int
    metadata: list[Label]
    timeout_ms: int = strawberry.field(description="So long a silence is its death.")
    draining: bool = strawberry.field(description="It is to get no new work.")
    drained_by: str | None = strawberry.field(description="The principal.")
    drained_why: str | None
    checks: list[NodeCheck]
    health: Health
    load: int = strawberry.field(description="In units of its capacity, as of `heardAt`.")
    heard_ms: DateTime = strawberry.field(
        name="heardAt",
        description="The last heartbeat that was written down: one that says nothing new is after five seconds.",
    )
    evidence: SilenceEvidence | None = strawberry.field(description="Of its suspicion or death.")
    cause: SessionEnd | None = strawberry.field(
        description="Why its session ended; as all that says `ended`, null while it lives."
    )
    cause_id: Long | None = strawberry.field(description="All that was swept for this names it.")
    ended_by: str | None = strawberry.field(description="The principal; empty: silence.")
    ended_why: str | None
    ended_ms: DateTime | None = strawberry.field(name="endedAt")
    strikes: int = strawberry.field(description="Deaths that followed each other closely.")
    barred_ms: DateTime | None = strawberry.field(
        name="barredUntil", description="About until when it may not register, for it flaps."
    )
    unswept: list[UnsweptSession] = strawberry.field(description="Oldest first.")
    position: Position = strawberry.field(description="The commit that changed it last, but for its load.")
    changed_ms: DateTime = strawberry.field(name="changedAt")
    as_of: AsOf
    history: "NodeChangeConnection" = strawberry.field(
        resolver=_history, description="What happened to it, newest first, whatever `at` was given."
    )


@strawberry.type(description="What one event did to a node, and the node as it was from then on.")
class NodeChange:
    """A change. Comes as `values.NodeChangeRow`."""

    what: NodeWhat
    by: str = strawberry.field(description="The principal; empty: time did it.")
    why: str
    node: Node
    until: Position | None = strawberry.field(description="The commit of the next change; null: none yet.")
    until_ms: DateTime | None = strawberry.field(name="untilTime")


@strawberry.type
class NodeChangeEdge:
    """One of a page and its cursor."""

    cursor: str
    node: NodeChange


@strawberry.type(description="The history of a node, newest first.")
class NodeChangeConnection:
    """A page."""

    edges: list[NodeChangeEdge]
    nodes: list[NodeChange]
    page_info: PageInfo
    as_of: AsOf


@strawberry.type
class NodeEdge:
    """A node and its cursor."""

    cursor: str
    node: Node


@strawberry.type(description="Nodes, by name; those that ended until they are forgotten, ten minutes later.")
class NodeConnection:
    """A page."""

    edges: list[NodeEdge]
    nodes: list[Node]
    page_info: PageInfo
    as_of: AsOf
