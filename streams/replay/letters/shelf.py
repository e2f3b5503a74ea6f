"""The topic of the dead letters, read from outside: bounded stretches of it, whatever stands there."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from schemas.errors import SchemaError
from streams.domain.value import value
from streams.log.letters import DeadLetter, LetterAction, Stage, decode_letter
from streams.log.ports import Stored, TopicReader
from streams.replay.letters.errors import NoSuchLetter

FOREVER_MS: Final = 2**62
FIRST_STRETCH: Final = 200
"""Records read at once, backwards: each stretch is twice as long as the one before, for letters may be large."""
LONGEST_STRETCH: Final = 5_000
MAX_ACTIONS: Final = 1_000
"""So many of the newest notes are told of."""
NEAR: Final = 50
"""Letters so near to each other are read in one go, with those between them."""


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
    strange: int
    """The oldest of them; -1 where there is none."""
    looked_from: int
    """The oldest record that was looked at."""
    first: int
    end: int

    @property
    def all(self) -> bool:
        """Whether every letter that is there was looked at."""
        return self.looked_from <= self.first


async def search(
    topic: TopicReader,
    wanted: Wanted,
    limit: int,
    scan: int,
    before: int | None = None,
    within_s: float = inf,
) -> Found:
    """Return the newest `limit` wanted letters among the last `scan` records below `before`.

    It ends once it has them, or after the stretch in which `within_s` is over. Raises `LogUnavailable`.
    """
    until_s = time.monotonic() + within_s
    first, end = await topic.bounds()
    stop = end if before is None else max(first, min(end, before))
    lowest, length = max(first, stop - scan), FIRST_STRETCH
    letters, actions, unreadable, strange = list[Filed](), list[tuple[int, LetterAction]](), 0, -1
    while stop > lowest and len(letters) < limit and time.monotonic() < until_s:
        start = max(lowest, stop - length)
        for stored, read in reversed([each async for each in _read(topic, start, stop, wanted)]):
            stop = stored.offset
            if isinstance(read, LetterAction):
                if len(actions) < MAX_ACTIONS:
                    actions.append((stored.timestamp_ms, read))
            elif read is None:
                unreadable, strange = unreadable + 1, stored.offset
            elif isinstance(read, Filed):
                letters.append(read)
                if len(letters) == limit:
                    break
        else:
            stop, length = start, min(2 * length, LONGEST_STRETCH)
    return Found(tuple(reversed(letters)), tuple(reversed(actions)), unreadable, strange, stop, first, end)


async def notes(topic: TopicReader, since: int) -> AsyncIterator[LetterAction]:
    """Yield what was done to letters, from the record `since` on. Raises `LogUnavailable`."""
    first, end = await topic.bounds()
    nothing = Wanted(until_ms=-1)
    async for _, read in _read(topic, max(first, since), end, nothing):
        if isinstance(read, LetterAction):
            yield read


async def letter_at(topic: TopicReader, number: int, tenant: str = "") -> Filed:
    """Return one letter with its body. Raises `NoSuchLetter`, `LogUnavailable`."""
    (found,) = [each async for each in letters_of(topic, (number,), tenant)]
    if isinstance(found, NoSuchLetter):
        raise found
    return found


async def letters_of(
    topic: TopicReader, numbers: Sequence[int], tenant: str = ""
) -> AsyncIterator[Filed | NoSuchLetter]:
    """Yield the letters of these ids, in their order, each with its body; or why one is none. Raises `LogUnavailable`.

    `tenant`: whose they must be; empty: anybody's.
    """
    first, end = await topic.bounds()
    wanted = Wanted(tenant=tenant)
    told = None if tenant else (first, end)
    for run in _runs(sorted(set(numbers))):
        awaited = iter(run)
        number = next(awaited, None)
        start, stop = max(first, run[0]), min(end, run[-1] + 1)
        if start < stop:
            async for records in topic.read(start, stop):
                for stored in records:
                    while number is not None and number < stored.offset:
                        yield NoSuchLetter(number, told)
                        number = next(awaited, None)
                    if stored.offset == number:
                        read = _told(stored, wanted)
                        yield read if isinstance(read, Filed) else NoSuchLetter(number, told)
                        number = next(awaited, None)
        while number is not None:
            yield NoSuchLetter(number, told)
            number = next(awaited, None)


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Return the numbers in runs without large gaps."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number - runs[-1][-1] <= NEAR:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


_OTHER: Final = "a letter that is not wanted"


async def _read(
    topic: TopicReader, start: int, stop: int, wanted: Wanted
) -> AsyncIterator[tuple[Stored, "Filed | LetterAction | str | None"]]:
    """Yield what stands there, without any bodies."""
    if start < stop:
        async for records in topic.read(start, stop):
            for stored in records:
                read = _told(stored, wanted)
                if isinstance(read, Filed):
                    read = replace(read, letter=replace(read.letter, body=None))
                yield Stored(stored.offset, stored.timestamp_ms, None), read


def _told(stored: Stored, wanted: Wanted) -> "Filed | LetterAction | str | None":
    """Return what a record is: a letter that is wanted, `_OTHER`, a note, or None: nothing that can be read."""
    try:
        read = None if stored.value is None else decode_letter(stored.value)
    except SchemaError:
        return None
    if not isinstance(read, DeadLetter):
        return read
    filed = Filed(stored.offset, stored.timestamp_ms, read)
    return filed if wanted.has(filed) else _OTHER
