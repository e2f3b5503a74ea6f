"""How commands of caches come to their shards, and what comes back."""

from typing import Any, Final, TypeVar

from streams.domain.arguments import shard_name
from streams.domain.caches.commands import InspectCache, WithdrawWait
from streams.domain.caches.replies import CacheStats
from streams.wire.keys import key_of
from tidelock.client.caches import ports
from tidelock.client.errors import TidelockError
from tidelock.client.partition import Partition
from tidelock.client.pending import Outcome, Pending
from tidelock.client.rejections import problem
from tidelock.client.session import Session

_R = TypeVar("_R")

KIND: Final = "caches"


class Caches:
    """Sends commands of caches in one session. Names belong to the client's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clock = session.clock

    def place(self, cache: str, shard: int) -> Partition:
        """Return the partition that decides on a shard. Raises `BadArgument`."""
        self.session.codec(KIND)
        return self.session.partition_of(KIND, shard_name(cache, shard))

    def told(self, cache: str, shard: int) -> ports.Shard:
        """Return the shard as a second tier names it."""
        key = key_of(self.session.cluster.tenant, shard_name(cache, shard))
        return ports.Shard(key, self.place(cache, shard).number)

    async def ask(self, command: Any, wanted: type[_R], *, wait_s: float = 0.0) -> _R:
        """Return the answer to a command, which is to be a `wanted`. Raises its error."""
        pending = self.session.submit(self.place(command.cache, command.shard), command)
        pending.wait_s = wait_s
        return checked(pending, await self.session.outcome(pending), wanted, command.cache)

    async def inspect(self, cache: str, shard: int = 0) -> CacheStats:
        """Return a shard in numbers, never stale. Raises `CacheUnknown`."""
        return await self.ask(InspectCache(cache, shard), CacheStats)

    def withdraw_nowait(self, pending: Pending, cache: str, shard: int) -> None:
        """Take a wait back, if it still waits, without awaiting the answer. A change that has begun goes on."""
        session = self.session
        session.abandon(pending)
        if session.closed or pending.first_sent_s is None:
            return
        command = WithdrawWait(cache, shard, pending.sequence)
        session.submit(
            pending.partition, command, on_done=lambda _: session.drop(pending), while_closing=True
        )


def checked(pending: Pending, outcome: Outcome, wanted: type[_R], cache: str) -> _R:
    """Return the outcome if it is the one hoped for. Raises its error."""
    if type(outcome) is wanted:
        return outcome
    raise failure(outcome, cache, pending)


def failure(outcome: Outcome, cache: str, pending: Pending) -> TidelockError:
    """Return the error for an outcome other than the one hoped for."""
    error = problem(outcome, cache, KIND)
    error.position = pending.position
    return error
