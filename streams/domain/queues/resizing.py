"""What a shard still has that a change of shards moves away, and which routes may follow. Standard library only.

The ring gives a shard that is new only what it takes from others, and spreads only what a shard has that goes: so of a
queue that grows the old shards lose keys, and of one that shrinks those that go.
"""

from streams.domain.decider import Context, LeaseMs, Rejected
from streams.domain.queues.commands import RouteQueue
from streams.domain.queues.dedup import is_settled, move_window_ms, window_ms
from streams.domain.queues.groups import NOBODY
from streams.domain.queues.limits import refuse_route
from streams.domain.queues.rejections import not_drained, stale_route
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.queues.state import Queue


def lives_here(queue: Queue, group: str | None) -> bool:
    """Say whether messages of the group are here that are not dead, nor were until they were redriven meanwhile."""
    if group is None:
        return False
    found = [sub.groups.get(group, NOBODY) for sub in queue.subscriptions.values()]
    return any(each.here > each.revived for each in found)


def loses_keys(route: QueueRoute, shard: int) -> bool:
    """Say whether the change under way moves anything away from the shard."""
    return shard < route.previous if route.shards > route.previous else shard >= route.shards


def has_late(queue: Queue) -> bool:
    """Say whether messages are here that their groups may wait for elsewhere."""
    return queue.route.is_changing and any(sub.late for sub in queue.subscriptions.values())


def drained(queue: Queue, settings: QueueSettings, shard: int, now: LeaseMs) -> bool:
    """Say whether nothing here keeps groups and ids from being at home in their new shards.

    Once true it stays so, unless the dedup window is made longer.
    """
    route = queue.route
    if not route.is_changing or not loses_keys(route, shard):
        return True
    if has_late(queue) or (shard >= route.shards and len(queue.messages)):
        return False
    return is_settled(queue.dedup, window_ms(settings), now) and is_settled(
        queue.arrivals, move_window_ms(settings), now
    )


def refuse_change(
    command: RouteQueue, queue: Queue, settings: QueueSettings, context: Context
) -> Rejected | None:
    """Return why the shard cannot go over to this route, or None."""
    known, route = queue.route, command.route
    refused = refuse_route(route)
    if refused is not None or route == known:
        return refused
    if route.epoch <= known.epoch or not _follows(command, queue):
        return stale_route(command.queue, known)
    if not drained(queue, settings, command.shard, context.now):
        return not_drained(command.queue, command.shard, known)
    return None


def _follows(command: RouteQueue, queue: Queue) -> bool:
    """Say whether the route follows on the known one.

    Home, which is told first, misses none. Another shard may have been made for a change that lost to another one, or
    left over by an older one: it follows home from there.
    """
    if command.route.previous == queue.route.shards:
        return True
    return command.shard > 0 and (queue.route.is_changing or not len(queue.messages))
