"""Who waits for whom, by the words of the design, and which circles there are: no cleverness, no memory."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from streams.domain.locks.commands import WaitEdge
from streams.domain.locks.state import Holder, Lock, Waiter
from streams.log.positions import PartitionId

Node: TypeAlias = "str | tuple[PartitionId, int]"
"""A transaction's id; without one, a single hold or wait."""


def edges(where: PartitionId, key: str, lock: Lock) -> Iterator[tuple[WaitEdge, Node, Node]]:
    """Yield every edge at one lock, as it would be logged, with its two nodes."""
    name = key.partition("/")[2]
    for place, waiter in enumerate(lock.waiters):
        others: list[Holder | Waiter] = [*lock.holders, *lock.waiters[:place]]
        for other in others:
            own_share = isinstance(other, Holder) and other.token == waiter.upgrade_of
            me, them = _node(where, waiter), _node(where, other)
            if waiter.mode == other.mode == "SHARED" or own_share or me == them:
                continue
            yield WaitEdge(_id(waiter), name, waiter.ticket, _id(other), _number(other)), me, them


def circular(pairs: Iterable[tuple[Node, Node]]) -> set[Node]:
    """Return the nodes that wait for themselves in the end."""
    after: dict[Node, set[Node]] = {}
    for one, other in pairs:
        after.setdefault(one, set()).add(other)
    return {node for node in after if node in _reached(node, after)}


def _reached(node: Node, after: dict[Node, set[Node]]) -> set[Node]:
    reached: set[Node] = set()
    ahead = [node]
    while ahead:
        new = after.get(ahead.pop(), set()) - reached
        reached |= new
        ahead += new
    return reached


def _number(one: Holder | Waiter) -> int:
    return one.token if isinstance(one, Holder) else one.ticket


def _id(one: Holder | Waiter) -> str:
    transaction = None if one.terms is None else one.terms.transaction
    return "" if transaction is None else transaction.id


def _node(where: PartitionId, one: Holder | Waiter) -> Node:
    return _id(one) or (where, _number(one))
