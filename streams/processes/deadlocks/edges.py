"""The nodes and edges of the wait-for graph. Pure.

A node is a transaction: all its holds and waits, whoever of its tenant carries its id. Who waits without one is a node
of its own with this one wait: it may stand in the middle of a circle, as others queue behind it, but is never its
victim. Who holds without one is no node at all: nobody can know what it waits for. A transaction does not wait for
itself: it alone knows whether it will release what it holds by another handle.
"""

from typing import TypeAlias

from streams.domain.locks.commands import Transaction, WaitEdge
from streams.domain.locks.state import Waiter
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.processes.deadlocks.blockers import Blocker
from streams.wire.keys import tenant_of


@value
class TransactionNode:
    """Everything that carries one transaction's id."""

    tenant: str
    id: str


@value
class LoneWait:
    """One wait without a transaction."""

    where: PartitionId
    ticket: int


Node: TypeAlias = TransactionNode | LoneWait


@value
class Wait:
    """One place in one queue."""

    where: PartitionId
    key: str
    ticket: int


@value
class Edge:
    """`node` waits by `wait` for `blocker`, which is there under `number` (token or ticket)."""

    node: Node
    wait: Wait
    transaction: Transaction | None
    """The waiter's, with its start."""
    blocker: Node
    number: int


def transaction_of(blocker: Blocker) -> Transaction | None:
    """Return the transaction that a holder or waiter belongs to."""
    return None if blocker.terms is None else blocker.terms.transaction


def node_of(where: PartitionId, key: str, blocker: Blocker) -> Node | None:
    """Return the node of a holder or waiter of the lock `key`; None: a holder without a transaction."""
    transaction = transaction_of(blocker)
    if transaction is not None:
        return TransactionNode(tenant_of(key), transaction.id)
    return LoneWait(where, blocker.ticket) if isinstance(blocker, Waiter) else None


def name_of(key: str) -> str:
    """Return the lock's name, as its tenant knows it."""
    return key.partition("/")[2]


def as_logged(edge: Edge) -> WaitEdge:
    """Return the edge as the event, the victim and the auditor see it. A wait without a transaction has no name."""
    return WaitEdge(_id(edge.node), name_of(edge.wait.key), edge.wait.ticket, _id(edge.blocker), edge.number)


def _id(node: Node) -> str:
    return node.id if isinstance(node, TransactionNode) else ""
