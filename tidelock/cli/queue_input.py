"""Reading what is to be put, while the client goes on: whatever is there at once, so that a pipe need not fill.

A thread of its own waits for input: one that nobody joins, so that Ctrl-C ends a command whose input does not come.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Final

from streams.domain.queues.limits import MAX_PAYLOAD
from tidelock.cli.exits import WrongUse
from tidelock.client.errors import PayloadTooLarge

BLOCK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines as they follow each other, without their ends."""

    first: int
    """The number of the first; a file begins with 1."""
    texts: list[bytes]
    size: int
    """Bytes that were read for them."""

    def messages(self) -> list[tuple[int, bytes]]:
        """Return those that hold something, with their numbers."""
        return [(number, text) for number, text in enumerate(self.texts, self.first) if text]


class LineTooLong(PayloadTooLarge):
    """A line that no message can hold. What is before it was handed out."""

    def __init__(self, number: int) -> None:
        super().__init__(_too_large("The line"))
        self.number = number


async def lines_of(descriptor: int) -> AsyncIterator[Lines]:
    """Return lines as they come. Raises `LineTooLong`, `WrongUse`."""
    rest, number = b"", 1
    while data := await _read(descriptor):
        *ended, rest = (rest + data).split(b"\n")
        lines = _checked(number, ended, len(data))
        yield lines
        number += len(lines.texts)
        if len(lines.texts) < len(ended) or len(rest) > MAX_PAYLOAD + len(b"\r"):
            raise LineTooLong(number)
    last = _checked(number, [rest], 0)
    if not last.texts:
        raise LineTooLong(number)
    yield last


def _checked(first: int, ended: list[bytes], size: int) -> Lines:
    """Return the lines before the first that is too long."""
    texts = [each.removesuffix(b"\r") for each in ended]
    too_long = (place for place, each in enumerate(texts) if len(each) > MAX_PAYLOAD)
    return Lines(first, texts[: next(too_long, len(texts))], size)


async def payload_of(descriptor: int) -> bytes:
    """Return all that there is to read. Raises `PayloadTooLarge`, `WrongUse`."""
    payload = b""
    while data := await _read(descriptor):
        payload += data
        if len(payload) > MAX_PAYLOAD:
            raise PayloadTooLarge(_too_large("Standard input"))
    return payload


def _too_large(what: str) -> str:
    return f"{what} has more than {MAX_PAYLOAD:,} bytes. Put that elsewhere and enqueue a reference."


async def _read(descriptor: int) -> bytes:
    """Return the next bytes, as soon as there are some; none at the end. Raises `WrongUse`."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[bytes | OSError] = loop.create_future()

    def told(outcome: bytes | OSError) -> None:
        if not came.done():
            came.set_result(outcome)

    def read() -> None:
        outcome: bytes | OSError
        try:
            outcome = os.read(descriptor, BLOCK)
        except OSError as error:
            outcome = error
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(told, outcome)

    Thread(target=read, name="tidelock-input", daemon=True).start()
    outcome = await came
    if isinstance(outcome, OSError):
        raise WrongUse(f"What is to be put cannot be read: {outcome.strerror}. Check where it comes from.")
    return outcome
