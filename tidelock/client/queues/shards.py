"""Reading all shards of a queue."""

from streams.domain.queues.replies import QueueStats
from tidelock.client.errors import QueueIncomplete, QueueUnknown
from tidelock.client.queues.access import Access


async def inspect_all(access: Access) -> tuple[QueueStats, ...]:
    """Return the shards of a queue as they are, home first. Raises `QueueUnknown`, `QueueIncomplete`."""
    queues, name = access.queues, access.name
    home = await queues.inspect(name)
    while True:
        access.routes.learn(name, home.route)
        try:
            return (home, *[await inspect_shard(access, shard) for shard in others(home)])
        except QueueIncomplete:
            before, home = home, await queues.inspect(name)
            if (home.incarnation, home.route) == (before.incarnation, before.route):
                raise  # else it was resized, or made anew, meanwhile


def others(home: QueueStats) -> range:
    """Return the shards that a queue has besides its home."""
    return range(1, max(home.route.shards, home.route.previous))


async def inspect_shard(access: Access, shard: int) -> QueueStats:
    """Return a shard of a queue whose home is there. Raises `QueueIncomplete`."""
    try:
        return await access.queues.inspect(access.name, shard)
    except QueueUnknown as error:
        raise incomplete(access.name, shard) from error


def incomplete(queue: str, shard: int) -> QueueIncomplete:
    """Return the error for a shard that is missing although the queue's home tells of it."""
    error = QueueIncomplete(
        f"Queue {queue!r} has no shard {shard} any more: a delete of the queue was broken off, or is under way. Delete "
        "it again; or keep it, and create it again with the same settings and shards, which makes what is missing.",
        details=(("shard", str(shard)),),
    )
    error.queue = queue
    return error
