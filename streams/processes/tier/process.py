"""The shell: the caches' log in, marks and signs out. Any number may run: what one has done, the others find done.

Each partition has a mark in the tier, moved by the script that takes the copies away: whoever stands before or behind
it does no harm. If it is lost (a flush, an eviction, a replica that lagged and was promoted), all goes on from where
the mark stands now, and nothing is shown that was granted before.

The sign says until when copies are shown. It is for as long as `STALE_MS` from a moment of the tier's own clock after
which the log's end was asked for; and is given when all up to that end is taken away. So a process that is frozen
anywhere, or cut off, leaves none that stands longer.

One consumer reads all logs, and one task a partition keeps its mark and sign (`streams.processes.tier.partition`): a
node of a cluster that is away costs the partitions on it, and no others.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from streams.log.ports import LogTail, LogUnavailable
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.processes.follower import Follower
from streams.processes.tier.partition import TierPartition
from streams.processes.tier.ports import Logs, Watch
from streams.projections.tier import TierStore

SIGN_S = 1.0
"""How often the logs' ends are asked for."""
GATHER_S = 0.2
"""How long is waited for more partitions that have to be read from elsewhere: the logs are opened anew for them."""
LOOK_UPS = 8
"""Logs that are looked up at once."""


class TierProcess(Follower):
    """Tails the logs of caches and keeps marks and signs."""

    def __init__(
        self,
        words: Vocabulary,
        partitions: Sequence[PartitionId],
        tail: LogTail,
        logs: Logs,
        tier: TierStore,
        watch: Watch,
    ) -> None:
        looking, self._elsewhere = asyncio.Semaphore(LOOK_UPS), asyncio.Event()
        self._partitions = {
            where: TierPartition(where, words, logs, tier, watch, looking, self._elsewhere.set)
            for where in partitions
        }
        super().__init__([each.reader for each in self._partitions.values()], tail, watch.trouble)
        self._logs, self._watch = logs, watch

    @property
    def signed(self) -> int:
        """Partitions that had a sign in their last turn. May be read by any thread."""
        return sum(each.signed for each in self._partitions.values())

    async def run(self) -> None:
        """Work until cancelled. Raises, in a group, `LogHalt` or `SchemaError` where this release cannot read on."""
        async with asyncio.TaskGroup() as group:
            for each in self._partitions.values():
                group.create_task(each.keep())
            group.create_task(self._keep_reading())
            group.create_task(self._keep_signing())

    async def _keep_reading(self) -> None:
        """Read on from where the partitions that have begun stand; open the logs anew when one has to be elsewhere."""
        while True:
            await self._elsewhere.wait()
            await asyncio.sleep(GATHER_S)
            self._elsewhere.clear()
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read())
                await self._elsewhere.wait()
                reading.cancel()

    async def _read(self) -> None:
        begun = [each for each in self._partitions.values() if each.has_begun]
        for each in begun:
            self.readers[each.reader.where] = each.reader
        async with aclosing(self.batches([each.reader.where for each in begun])) as batches:
            async for batch in batches:
                for accepted in batch:
                    each = self._partitions[accepted.where]
                    if each.reader is self.readers[accepted.where]:  # or it is to be read from elsewhere
                        each.fold(accepted)
                for each in begun:
                    each.moved()

    async def _keep_signing(self) -> None:
        """Give signs, about once in `SIGN_S`."""
        loop = asyncio.get_running_loop()
        while True:
            next_s = loop.time() + SIGN_S
            turns = {where: each.look() for where, each in self._partitions.items() if each.has_begun}
            try:
                ends = await self._logs.ends(list(turns)) if turns else {}
            except LogUnavailable as error:
                self._watch.trouble(error)
            else:
                for where, turn in turns.items():
                    self._partitions[where].told(turn, ends[where])
            await asyncio.sleep(next_s - loop.time())
            self._watch.signed(self.signed)
