"""Where a message stands in its subscription. Standard library only."""

from streams.domain.queues.commands import State
from streams.domain.queues.state import Deliveries


def standing(sub: Deliveries, number: int) -> State:
    """Return the state of a message that the subscription still needs."""
    if number in sub.leased:
        return "LEASED"
    if number in sub.dead:
        return "DEAD"
    if number in sub.moving:
        return "MOVING"
    return "DELAYED" if number in sub.delayed.times else "READY"
