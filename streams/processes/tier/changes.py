"""What commits change in caches: entries whose copies are worth nothing any more. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from streams.domain.caches.events import (
    CacheClosing,
    EntriesRemoved,
    EntriesWarmed,
    EntryDeleted,
    EntryWritten,
    EntryWrittenBack,
)
from streams.log.accepted import AcceptedCommit, CommitReader, token_of
from streams.log.vocabulary import Vocabulary
from streams.projections.tier import Change, Stretch

CHANGING: Final[tuple[type, ...]] = (
    EntryWritten,
    EntryWrittenBack,
    EntryDeleted,
    EntriesRemoved,
    EntriesWarmed,
    CacheClosing,
)
"""Events after which an entry, or all of them, have another value or none. The others are not decoded."""
MAX_CHANGES: Final = 20_000
"""Of more entries than these it is not remembered which: nothing that was granted before is believed then."""
_NAMES: Final = frozenset(f"tidelock.caches.{each.__name__}" for each in CHANGING)


class Changed:
    """What one partition's log changed since it was last taken. Bounded, however long nobody takes it."""

    def __init__(self, reader: CommitReader, words: Vocabulary) -> None:
        self.reader = reader
        self.taken = reader.next_offset
        """Where the next stretch begins."""
        self._words = words
        self._tokens: dict[tuple[str, str], int] = {}
        self._since = 0

    def fold(self, accepted: AcceptedCommit) -> None:
        """Take in one commit. Raises `SchemaError`."""
        generation, number = self.reader.generation, accepted.number
        for decision in accepted.commit.decisions:
            for place, data in enumerate(decision.events, number):
                if self._words.event_name(data) in _NAMES:
                    token = token_of(generation, place)
                    self._fold(decision.key, token, self._words.decode_event(data))
            number += len(decision.events)

    @property
    def has_moved(self) -> bool:
        """Whether there is something to take."""
        return self.reader.next_offset > self.taken

    def take(self) -> Stretch | None:
        """Return what has changed up to where the reader stands; None if it has not moved."""
        if not self.has_moved:
            return None
        start, reached = self.taken, self.reader.checkpoint
        changes = tuple([Change(*where, token) for where, token in self._tokens.items()])
        stretch = Stretch(start, reached, changes, self._since)
        self.taken, self._tokens, self._since = reached.next_offset, {}, 0
        return stretch

    def _fold(self, key: str, token: int, event: Any) -> None:
        if isinstance(event, CacheClosing):
            self._since = token
        for entry in _entries(event):
            self._tokens[key, entry] = token
        if len(self._tokens) > MAX_CHANGES:
            self._tokens, self._since = {}, token


def _entries(event: Any) -> Iterator[str]:
    match event:
        case EntryWritten() | EntryWrittenBack() | EntryDeleted():
            yield event.entry
        case EntriesRemoved():
            yield from event.entries
        case EntriesWarmed():
            yield from (each.entry for each in event.entries)
