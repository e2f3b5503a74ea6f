"""Reading all shards of a queue."""

from streams.domain.queues.replies import QueueStats
from tidelock.client.queues.access import Access


async def inspect_all(access: Access) -> tuple[QueueStats, ...]:
    """Return the shards of a queue as they are, home first. Raises `QueueUnknown`."""
    queues, name = access.queues, access.name
    home = await queues.inspect(name)
    access.routes.learn(name, home.route)
    others = range(1, max(home.route.shards, home.route.previous))
    return (home, *[await queues.inspect(name, shard) for shard in others])
