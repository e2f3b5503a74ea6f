"""Reading what is to be put, while the client goes on: whatever is there at once, so that a pipe need not fill.

A thread of its own waits for input: one that nobody joins, so that Ctrl-C ends a command whose input does not come.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from tidelock.cli import show
from tidelock.cli.exits import WrongUse
from tidelock.client.errors import PayloadTooLarge, TidelockError

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
    """A line that is longer than any may be. What is before it was handed out."""

    def __init__(self, number: int, most: int) -> None:
        super().__init__(_too_large("The line", most))
        self.number = number


async def lines_of(descriptor: int, most: int) -> AsyncIterator[Lines]:
    """Return lines of at most so many bytes as they come. Raises `LineTooLong`, `WrongUse`."""
    rest, number = b"", 1
    while data := await _read(descriptor):
        *ended, rest = (rest + data).split(b"\n")
        lines = _checked(number, ended, len(data), most)
        yield lines
        number += len(lines.texts)
        if len(lines.texts) < len(ended) or len(rest) > most + len(b"\r"):
            raise LineTooLong(number, most)
    last = _checked(number, [rest], 0, most)
    if not last.texts:
        raise LineTooLong(number, most)
    yield last


def _checked(first: int, ended: list[bytes], size: int, most: int) -> Lines:
    """Return the lines before the first that is too long."""
    texts = [each.removesuffix(b"\r") for each in ended]
    too_long = (place for place, each in enumerate(texts) if len(each) > most)
    return Lines(first, texts[: next(too_long, len(texts))], size)


async def payload_of(descriptor: int, most: int, too_large: type[TidelockError] = PayloadTooLarge) -> bytes:
    """Return all that there is to read. Raises `too_large` if that is more than `most` bytes, `WrongUse`."""
    payload = b""
    while data := await _read(descriptor):
        payload += data
        if len(payload) > most:
            raise too_large(_too_large("Standard input", most))
    return payload


def _too_large(what: str, most: int) -> str:
    return f"{what} has more than {most:,} bytes. Keep that elsewhere, and put a reference."


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, int | None]]:
    """Open the file (`-`: standard input); give its descriptor and its size. Raises `WrongUse`."""
    if str(path) == "-":
        yield standard_input(), None
        return
    try:
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}. Check its name.") from None
    with stream:
        yield stream.fileno(), os.fstat(stream.fileno()).st_size


def standard_input() -> int:
    """Return its descriptor. Raises `WrongUse`."""
    if sys.stdin is None:
        raise WrongUse("Standard input is closed. Give what is to be put, or what holds it.")
    return sys.stdin.fileno()


def bar_of(what: str, total: int | None, *, quiet: bool) -> Progress:
    """Return a bar of bytes that are done, of `total` if that is known; `what` is done to them."""
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeElapsedColumn()
    )  # fmt: skip
    shown = not quiet and show.err.is_terminal
    bar = Progress(*columns, console=show.err, transient=True, disable=not shown)
    bar.add_task(what, total=total)
    return bar


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
