"""Putting from the command line: an argument, standard input, or a file with a message on each line."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from tidelock.cli import show
from tidelock.cli.exits import WrongUse
from tidelock.client.queues.producer import Put
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.terms import MessageOptions

CHUNK = 500
MAX_LINE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Load:
    """What `queue put` was asked to put."""

    payload: str | None
    """A message; None: standard input is one."""
    lines: Path | None
    """A file with a message on each line; `-`: standard input is that."""
    options: MessageOptions
    json: bool


async def put(queue: Queue[bytes], load: Load) -> None:
    """Put a message, or the lines of a file."""
    if load.lines is not None:
        await _put_lines(queue, load.lines, load)
        return
    payload = sys.stdin.buffer.read() if load.payload is None else load.payload.encode()
    _tell(await queue.put(payload, **load.options), load.json)


def _tell(done: Put, json: bool) -> None:
    if json:
        show.as_json({"id": str(done.id), "duplicate": done.duplicate, "position": str(done.position)})
    else:
        show.say(f"{done.id}{' (was there: same dedup id)' if done.duplicate else ''}")


async def _put_lines(queue: Queue[bytes], path: Path, load: Load) -> None:
    source, total = _opened(path)
    count = duplicates = 0
    with source as stream, _bar(load.json) as bar:
        lines, task = _lines(stream), bar.add_task(f"put into {queue.name}", total=total)
        while chunk := list(islice(lines, CHUNK)):
            done = await queue.put_many(chunk, **load.options)
            count += len(done)
            duplicates += sum(each.duplicate for each in done)
            bar.update(task, advance=sum(len(line) + 1 for line in chunk))
    if load.json:
        show.as_json({"queue": queue.name, "put": count - duplicates, "duplicates": duplicates})
    else:
        show.say(f"put {show.number(count - duplicates)} messages into {queue.name}")


def _opened(path: Path) -> tuple[AbstractContextManager[BinaryIO], int | None]:
    """Return the file (or standard input) and its size. Raises `WrongUse`."""
    if str(path) == "-":
        return nullcontext(sys.stdin.buffer), None
    try:
        return path.open("rb"), path.stat().st_size
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}. Check its name.") from None


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE):
        if stripped := line.rstrip(b"\r\n"):
            yield stripped


def _bar(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    return Progress(*columns, console=show.err, transient=True, disable=quiet or not show.err.is_terminal)
