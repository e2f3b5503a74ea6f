"""How a queue behaves, and over which shards it spreads. Every shard keeps a copy. Standard library only."""

from typing import Literal, TypeAlias

from streams.domain.value import value

Overflow: TypeAlias = Literal["REFUSE", "DEAD_LETTER_OLDEST"]


@value
class QueueSettings:
    """What `CreateQueue` and `ConfigureQueue` set. Bounds are those of one shard."""

    max_attempts: int
    """Deliveries of one message before it is a dead letter: 1 to 1,000."""
    lease_ms: int
    """How long a consumer may keep a message that it neither acknowledges nor extends: 100 ms to 12 h."""
    backoff_min_ms: int
    """Pause before the second attempt."""
    backoff_max_ms: int
    backoff_factor: int
    """Percent: 200 doubles the pause with every attempt."""
    jitter: int
    """Percent of the pause by which it is made shorter or longer, computed from the message's number."""
    dead_letter_queue: str | None
    """Where dead letters are moved to; None: they stay in this queue, as dead."""
    dedup_window_ms: int
    """For how long an enqueue with a known `dedup_id` is answered with the first one's message; 0: never."""
    max_depth: int
    """Messages, dead letters among them."""
    max_bytes: int
    """Payload bytes, likewise."""
    overflow: Overflow
    """What an enqueue does where there is no room."""
    max_payload_bytes: int
    default_priority: int
    """0 to 9; 9 is served first."""
    aging_ms: int
    """A message that has been ready for so long counts as one priority higher, and so on; 0: never."""
    paused: bool
    """While true nothing is delivered; everything else goes on."""
    broadcast: bool
    """True: every message goes to each named subscription. False: to the one that has no name."""


@value
class QueueRoute:
    """The shards of the queue. A group's shard is its owner on the ring of `shards` members (`streams.wire.shards`)."""

    epoch: int
    """Rises with every change. A producer that knows another one is told this one."""
    shards: int
    """How many there are: 1 to 64. Shard 0 is the queue's home: its key is the queue's name."""
    previous: int
    """How many there were, until every group that moves is drained; from then on the same as `shards`."""

    @property
    def is_changing(self) -> bool:
        """Whether a change of shards is under way."""
        return self.shards != self.previous
