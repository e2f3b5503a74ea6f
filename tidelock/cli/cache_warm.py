"""Warming from the command line: a file with an entry on each line, put in block by block."""

import asyncio
import json
from base64 import b64decode
from binascii import Error as NoBase64
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidelock.cli import show
from tidelock.cli.exits import CliProblem, exit_code_of
from tidelock.cli.inputs import Lines, LineTooLong, bar_of, lines_of, opened
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.warming import Warmed
from tidelock.client.errors import TidelockError

MAX_LINE: Final = 512 * 1024
"""A value of 64 KiB, each of its characters escaped as JSON may, and a name."""
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Warmup:
    """What `cache warm` was asked."""

    path: Path
    ttl: float | None
    tags: tuple[str, ...]
    json: bool


class LineUnreadable(CliProblem):
    """A line of the file is no entry."""

    code = "LINE_UNREADABLE"


class WarmingStopped(CliProblem):
    """Not all lines are in."""

    def __init__(self, error: TidelockError | LineUnreadable, warmed: Warmed, lines: str) -> None:
        self.code, self.exit_code = error.code, exit_code_of(error)
        told = str(error).removesuffix(".")
        super().__init__(
            f"{lines}: {told}. At least {warmed.warmed:,} entries were put in before, and stay. Mend what it says, "
            "then warm with the whole file again."
        )


async def warm(cache: Cache[bytes], asked: Warmup) -> None:
    """Put in what is missing. Raises `WarmingStopped`, `WrongUse`."""
    total = Warmed()
    what = f"warm {cache.name}"
    with opened(asked.path) as (descriptor, size), bar_of(what, size, quiet=asked.json) as bar:
        try:
            async for lines in lines_of(descriptor, MAX_LINE):
                await _warm_some(cache, lines, asked, total)
                bar.update(bar.task_ids[0], advance=lines.size)
        except LineTooLong as error:
            raise WarmingStopped(error, total, f"line {error.number}") from None
        except asyncio.CancelledError:
            show.complain("INTERRUPTED", f"At least {total.warmed:,} entries were put in.")
            raise
    text = (
        f"put in {show.number(total.warmed)} entries of {cache.name}, {show.number(total.skipped)} were there"
    )
    show.done({"cache": cache.name, "warmed": total.warmed, "skipped": total.skipped}, text, json=asked.json)


async def _warm_some(cache: Cache[bytes], lines: Lines, asked: Warmup, total: Warmed) -> None:
    entries, unreadable = _read(lines)
    try:
        done = await cache.warm(entries, ttl=asked.ttl, tags=asked.tags)
    except TidelockError as error:
        last = lines.first + len(lines.texts) - 1
        where = f"line {last}" if last == lines.first else f"lines {lines.first} to {last}"
        raise WarmingStopped(error, total, where) from error
    total.warmed += done.warmed
    total.skipped += done.skipped
    if unreadable is not None:
        raise WarmingStopped(unreadable[1], total, f"line {unreadable[0]}")


def _read(lines: Lines) -> tuple[list[tuple[str, bytes]], tuple[int, LineUnreadable] | None]:
    """Return the entries up to the first line that is none, and that line's number with what is wrong."""
    entries: list[tuple[str, bytes]] = []
    for number, text in lines.messages():
        try:
            entries.append(entry_of(text))
        except LineUnreadable as error:
            return entries, (number, error)
    return entries, None


def entry_of(line: bytes) -> tuple[str, bytes]:
    """Return the entry and the value that a line names. Raises `LineUnreadable`."""
    try:
        told = json.loads(line)
    except ValueError:
        raise LineUnreadable('It is no JSON. Write {"entry": "sku/42", "value": "text"}.') from None
    if not isinstance(told, dict) or not isinstance(told.get("entry"), str) or "value" not in told:
        raise LineUnreadable('It is no object with an "entry" that is text and a "value".')
    return told["entry"], _value(told["value"], told.get("encoding", "utf-8"))


def _value(value: Any, encoding: object) -> bytes:
    try:
        if not isinstance(value, str):
            return _ENCODE(value).encode()
        if encoding == "base64":
            return b64decode(value, validate=True)
        if encoding == "utf-8":
            return value.encode()
    except (NoBase64, ValueError):
        raise LineUnreadable("Its value is not what its encoding says.") from None
    raise LineUnreadable('Its "encoding" is neither "utf-8" nor "base64".')
