"""The topic of the dead letters, read from outside: a bounded stretch of it, whatever stands there."""

from collections import deque
from dataclasses import replace
from typing import Final

from schemas.errors import SchemaError
from streams.domain.value import value
from streams.log.letters import DeadLetter, LetterAction, Stage, decode_letter
from streams.log.ports import Stored, TopicReader
from streams.replay.letters.errors import NoSuchLetter

FOREVER_MS: Final = 2**62


@value
class Filed:
    """One letter with its id: the offset at which it stands."""

    id: int
    filed_ms: int
    letter: DeadLetter


@value
class Wanted:
    """Which letters: empty fields choose all."""

    stage: Stage | None = None
    tenant: str = ""
    code: str = ""
    kind: str = ""
    read_model: str = ""
    since_ms: int = 0
    until_ms: int = FOREVER_MS

    def has(self, filed: Filed) -> bool:
        """Whether it is one of them."""
        letter = filed.letter
        return (
            self.stage in {None, letter.stage}
            and self.tenant in {"", letter.tenant}
            and self.code in {"", letter.code}
            and self.kind in {"", letter.kind}
            and self.read_model in {"", letter.read_model}
            and self.since_ms <= filed.filed_ms <= self.until_ms
        )


@value
class Found:
    """What a search found, and how far it looked."""

    letters: tuple[Filed, ...]
    """The newest that were wanted, oldest first; bodies are left out."""
    actions: tuple[tuple[int, LetterAction], ...]
    """What was done to letters, by when (ms since 1970)."""
    unreadable: int
    """Records that this release cannot read, or that somebody else put there."""
    looked_from: int
    first: int
    end: int

    @property
    def all(self) -> bool:
        """Whether every letter that is there was looked at."""
        return self.looked_from <= self.first


async def search(topic: TopicReader, wanted: Wanted, limit: int, scan: int) -> Found:
    """Return the newest `limit` wanted letters among the last `scan` records. Raises `LogUnavailable`."""
    first, end = await topic.bounds()
    start = max(first, end - scan)
    letters, actions, unreadable = (
        deque[Filed](maxlen=limit),
        deque[tuple[int, LetterAction]](maxlen=limit),
        0,
    )
    if start < end:
        async for records in topic.read(start, end):
            for stored in records:
                read = _read(stored)
                if isinstance(read, LetterAction):
                    actions.append((stored.timestamp_ms, read))
                elif read is None:
                    unreadable += 1
                elif wanted.has(filed := Filed(stored.offset, stored.timestamp_ms, read)):
                    letters.append(_without_body(filed))
    return Found(tuple(letters), tuple(actions), unreadable, start, first, end)


async def letter_at(topic: TopicReader, number: int) -> Filed:
    """Return one letter with its body. Raises `NoSuchLetter`, `LogUnavailable`."""
    first, end = await topic.bounds()
    if not first <= number < end:
        raise NoSuchLetter(number, first, end)
    async for records in topic.read(number, number + 1):
        for stored in records:
            if isinstance(read := _read(stored), DeadLetter):
                return Filed(stored.offset, stored.timestamp_ms, read)
    raise NoSuchLetter(number, first, end)


def _read(stored: Stored) -> DeadLetter | LetterAction | None:
    try:
        return None if stored.value is None else decode_letter(stored.value)
    except SchemaError:
        return None


def _without_body(filed: Filed) -> Filed:
    return replace(filed, letter=replace(filed.letter, body=None))
