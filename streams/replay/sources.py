"""Does the log fit the commands topic? Each commit of the topic lane says which command it decided last."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from streams.log.ports import Stored
from streams.replay.findings import Report
from streams.replay.verify import SourceMark


class SourceCheck:
    """Compares the log's marks, in order, with the commands as they stand in their topic."""

    def __init__(self, report: Report, marks: Sequence[SourceMark]) -> None:
        self._report = report
        self._marks = list(reversed(marks))

    def commands(self, records: Iterable[Stored]) -> None:
        """Compare the next commands, in the order of their offsets."""
        for record in records:
            while self._marks and self._marks[-1].last < record.offset:
                self._missing(self._marks.pop())
            if self._marks and self._marks[-1].last == record.offset:
                mark = self._marks.pop()
                if sha256(record.value or b"").digest() != mark.hash:
                    what = f"the command at offset {mark.last} is not the one this commit decided"
                    self._report.violate(mark.position, "SOURCE", what)

    def finish(self) -> None:
        """Say what is missing."""
        while self._marks:
            self._missing(self._marks.pop())

    def _missing(self, mark: SourceMark) -> None:
        what = f"the command at offset {mark.last}, which this commit decided, is not in the commands topic"
        self._report.violate(mark.position, "SOURCE", what)
