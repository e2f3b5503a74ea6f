"""What one message went through, from queue to queue: back to where it was enqueued first, and on to where it is.

From the logs alone. A message that was moved names the one that it was before; the search for the one that it became
walks the shards of the queue that it went to.
"""

from streams.domain.arguments import shard_name
from streams.domain.value import value
from streams.log.vocabulary import Vocabulary
from streams.replay.errors import BeforeTheLog, MessageUnknown, NeverUsed
from streams.replay.moment import Moment, Target
from streams.replay.queues.chronicle import MessageChronicle, Moved, Wanted
from streams.replay.queues.steps import Place, Step
from streams.replay.resource import ResourceName
from streams.replay.rewind import Open, Progress, rewind

KIND = "queues"
MAX_ID = 64
MAX_HOPS = 20
"""Queues that a message is followed through, each way."""


@value
class Chapter:
    """A message while it was in one queue, and the proof."""

    place: Place
    steps: tuple[Step, ...]
    moment: Moment


class Biographer:
    """Reads what the logs say up to `target` of messages of one tenant."""

    def __init__(
        self, read: Open, tenant: str, vocabulary: Vocabulary, target: Target, progress: Progress
    ) -> None:
        self._read = read
        self._tenant = tenant
        self._vocabulary = vocabulary
        self._target = target
        self._progress = progress

    async def biography(self, place: Place) -> tuple[Chapter, ...]:
        """Return the chapters of a message, first things first.

        Raises `MessageUnknown` or another `RewindError`, `LogHalt`, `LogUnavailable`.
        """
        first, _ = await self._chapter(place.queue, place.shard, place, must=True)
        if first is None:
            raise MessageUnknown(place.queue, place.id)
        chapters = [first]
        while len(chapters) <= MAX_HOPS and (before := await self._before(chapters[0])) is not None:
            chapters.insert(0, before)
        hops = 0
        while hops < MAX_HOPS and (then := await self._after(chapters[-1])) is not None:
            chapters.append(then)
            hops += 1
        return tuple(chapters)

    async def _before(self, chapter: Chapter) -> Chapter | None:
        origin = chapter.steps[0].origin
        place = None if origin is None else place_of(origin.queue, origin.message)
        return None if place is None else (await self._chapter(place.queue, place.shard, place))[0]

    async def _after(self, chapter: Chapter) -> Chapter | None:
        """Return the chapter in the queue that the message was moved to, if it is there."""
        targets = [step.to for step in chapter.steps if step.to is not None]
        if not targets:
            return None
        wanted, shard, shards = Moved(chapter.place.queue, chapter.place.id), 0, 1
        while shard < shards:
            found, most = await self._chapter(targets[-1], shard, wanted)
            if found is not None:
                return found
            shard, shards = shard + 1, max(shards, most)
        return None

    async def _chapter(
        self, queue: str, shard: int, wanted: Wanted, must: bool = False
    ) -> tuple[Chapter | None, int]:
        """Return the message's chapter in a shard, and how many shards its queue has had."""
        name = ResourceName(KIND, self._tenant, shard_name(queue, shard))
        chronicle = MessageChronicle(self._tenant, queue, shard, wanted, self._vocabulary)
        try:
            rewound = await rewind(
                self._read, name, self._vocabulary, self._target, chronicle, progress=self._progress
            )
        except (BeforeTheLog, NeverUsed):
            if must:
                raise
            return None, chronicle.shards
        place = chronicle.place
        if place is None:
            return None, chronicle.shards
        return Chapter(place, tuple(chronicle.steps), rewound.moment), chronicle.shards


def place_of(queue: str, message: str) -> Place | None:
    """Return the place that an id names; None: it is no id."""
    parts = message.split(".")
    if (
        len(message) > MAX_ID
        or len(parts) != 3
        or not all(part.isascii() and part.isdigit() for part in parts)
    ):
        return None
    return Place(queue, *map(int, parts))
