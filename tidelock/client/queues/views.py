"""What a queue and its messages look like from outside."""

from streams.domain.queues.replies import MessageBody, PeekedMessage, QueueStats
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.value import value
from tidelock.client.queues.ids import MessageId


@value
class Counts:
    """Messages of a queue or of one of its subscriptions, in all shards."""

    ready: int
    delayed: int
    leased: int
    dead: int
    moving: int
    waiting: int
    """Consumers that wait."""
    oldest_s: float
    """Age of the oldest message that is neither done nor dead, about; 0: there is none."""


@value
class QueueReport:
    """A queue in numbers, its shards added up. Each shard was read at a moment of its own."""

    queue: str
    messages: int
    bytes: int
    counts: Counts
    """Of all subscriptions together."""
    subscriptions: dict[str, Counts]
    """By name; a plain queue has one, without a name."""
    settings: QueueSettings
    version: int
    route: QueueRoute
    shards: tuple[QueueStats, ...]


@value
class PeekedView:
    """A message where it stands; nobody leases it by this look."""

    id: MessageId
    standing: PeekedMessage
    body: MessageBody

    @property
    def state(self) -> str:
        """READY, DELAYED, LEASED, DEAD or MOVING."""
        return self.standing.state


def added_up(each: list[Counts]) -> Counts:
    """Return the counts of all together."""
    return Counts(
        sum(one.ready for one in each),
        sum(one.delayed for one in each),
        sum(one.leased for one in each),
        sum(one.dead for one in each),
        sum(one.moving for one in each),
        sum(one.waiting for one in each),
        max((one.oldest_s for one in each), default=0.0),
    )
