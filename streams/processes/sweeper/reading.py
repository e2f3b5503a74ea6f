"""How far the logs of nodes are read, and whether that is far enough to act. Pure.

An end of a session that is read may have been swept long ago, a few records on. So nothing is done before a partition
is read to where it stood when this process began, nor judged before all are that answer.
"""

from collections.abc import Mapping

from streams.log.positions import PartitionId


class Reading:
    """Events read, and the number of each partition's next event when it was first asked."""

    def __init__(self, begun: Mapping[PartitionId, int]) -> None:
        """`begun`: how many events of each are behind the place where its reader begins."""
        self._events = dict(begun)
        self._behind: dict[PartitionId, int | None] = dict.fromkeys(begun)
        self._unanswered: set[PartitionId] = set()

    def events(self, where: PartitionId) -> int:
        """Return how many events of a partition are read: the number of the last one."""
        return self._events[where]

    def read(self, where: PartitionId, events: int) -> None:
        """So many events of the partition are read."""
        self._events[where] = events
        self._settle(where)

    def stood(self, where: PartitionId, number: int) -> None:
        """The partition's owner said which number its next event gets."""
        self._unanswered.discard(where)
        if where in self._behind:
            self._behind[where] = number
            self._settle(where)

    def no_answer(self, where: PartitionId) -> None:
        """Nobody can say it now: the others do not wait for this partition."""
        self._unanswered.add(where)

    def is_current(self, where: PartitionId) -> bool:
        """Say whether the partition is read to where it stood."""
        return where not in self._behind

    @property
    def is_settled(self) -> bool:
        """Whether every partition is, but those that do not answer."""
        return self._unanswered.issuperset(self._behind)

    def _settle(self, where: PartitionId) -> None:
        number = self._behind.get(where)
        if number is not None and self._events[where] >= number - 1:
            del self._behind[where]
