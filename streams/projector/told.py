"""Which decisions have a dead letter, by the topic of the letters: a build of another version writes no second one.

The topic is read when first asked, and on from there: few are asked, and seldom.
"""

import asyncio
from typing import Protocol

from schemas.errors import SchemaError
from streams.log.letters import DeadLetter, decode_letter
from streams.log.ports import Stored, TopicReader


class ToldLetters(Protocol):
    """What has been put aside already."""

    async def has(self, letter: DeadLetter) -> bool:
        """Return whether there is a letter of the same place. Raises `LogUnavailable`."""


class NothingTold:
    """Where nobody put anything aside."""

    async def has(self, letter: DeadLetter) -> bool:  # noqa: ARG002
        """Return that there is none."""
        return False


class LettersOfTopic:
    """`ToldLetters` by the topic itself."""

    def __init__(self, letters: TopicReader) -> None:
        self._letters = letters
        self._places: set[int] = set()
        """Hashes of places: there may be many letters, with long names."""
        self._next = 0
        self._reading = asyncio.Lock()

    async def has(self, letter: DeadLetter) -> bool:
        """Return whether there is one, or was one when it was looked for before."""
        async with self._reading:
            if hash(letter.place) not in self._places:
                first, end = await self._letters.bounds()
                async for records in self._letters.read(max(first, self._next), end):
                    self._places.update(map(hash, filter(None, map(_place, records))))
                    self._next = records[-1].offset + 1
            return hash(letter.place) in self._places


def _place(stored: Stored) -> str | None:
    """Return what a letter of a read model is of; None: it is another, or one that this release cannot read."""
    if stored.value is None:
        return None
    try:
        record = decode_letter(stored.value)
    except SchemaError:
        return None
    return record.place if isinstance(record, DeadLetter) and record.read_model is not None else None
