"""Stretches: the accepted commits of a few records in a row, with the checkpoint behind them."""

from collections.abc import Iterable, Iterator

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.checkpoint import Checkpoint
from streams.log.ports import Stored
from streams.log.reader import LogHalt


@value
class Stretch:
    """Some records in a row of one partition's log, judged."""

    start: int
    """Offset of its first record."""
    commits: tuple[AcceptedCommit, ...]
    reached: Checkpoint
    size: int
    """Stored bytes."""

    @property
    def end(self) -> int:
        """Offset behind its last record."""
        return self.reached.next_offset


def stretches(reader: CommitReader, records: Iterable[Stored], most_bytes: int) -> Iterator[Stretch]:
    """Judge `records` and yield them in stretches of about `most_bytes`; 0: each record alone.

    What stands before a record that halts the reader is yielded before that is raised. Raises `LogHalt`.
    """
    start, commits, size, reached = reader.next_offset, list[AcceptedCommit](), 0, reader.checkpoint
    try:
        for record in records:
            commit = reader.read(record)
            reached = reader.checkpoint  # now: a reader that halts has judged the record that it halts at
            size += len(record.value or b"") + 1
            if commit is not None:
                commits.append(commit)
            if size > most_bytes:
                yield Stretch(start, tuple(commits), reached, size)
                start, commits, size = reader.next_offset, [], 0
    except LogHalt:
        if size:
            yield Stretch(start, tuple(commits), reached, size)
        raise
    if size:
        yield Stretch(start, tuple(commits), reached, size)
