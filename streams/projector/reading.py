"""Where a lane's records come from: its partition's tail, or the log itself as long as it is further back."""

import asyncio
from collections.abc import Callable

from streams.log.checkpoint import Checkpoint
from streams.log.ports import TopicReader
from streams.log.vocabulary import Vocabulary
from streams.projector.catch_up import CatchUp
from streams.projector.pace import Pace
from streams.projector.stretch import Stretch
from streams.projector.tail import Tail


class Reading:
    """Gives a lane the stretch behind what it has folded. Raises `LogHalt`, `LogUnavailable`."""

    def __init__(
        self,
        tail: Tail,
        vocabulary: Vocabulary,
        log: TopicReader,
        stretch_bytes: int,
        wake: asyncio.Event,
        pace: Callable[[], Pace],
    ) -> None:
        """`pace`: how fast the log is read from now on."""
        self._tail, self._vocabulary, self._log = tail, vocabulary, log
        self._stretch_bytes, self._wake, self._pace = stretch_bytes, wake, pace
        self._catching: CatchUp | None = None

    def tail_reaches(self, offset: int) -> bool:
        """Whether the tail has what is there from `offset` on."""
        return self._tail.reaches(offset)

    def of_tail(self, offset: int) -> Stretch | None:
        """Return what the tail has from `offset` on."""
        self.close()
        return self._tail.after(offset)

    def of_log(self, folded: Checkpoint) -> Stretch | None:
        """Return what the log has next, if it is read already."""
        if self._catching is None or self._catching.over:
            self.close()
            self._catching = self.up_to_the_end(folded, self._stretch_bytes)
        return self._catching.take()

    def up_to_the_end(self, start: Checkpoint, stretch_bytes: int) -> CatchUp:
        """Read the log up to its end as it is now."""
        return CatchUp(
            self._tail.where, self._vocabulary, self._log, start, stretch_bytes, self._wake, self._pace()
        )

    def close(self) -> None:
        """Read the log no more."""
        if self._catching is not None:
            catching, self._catching = self._catching, None
            catching.close()
