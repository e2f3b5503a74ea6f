"""Putting from the command line: an argument, standard input, or a file with a message on each line."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from streams.domain.queues.limits import MAX_PAYLOAD
from tidelock.cli import show
from tidelock.cli.exits import CliProblem, exit_code_of
from tidelock.cli.inputs import Lines, LineTooLong, bar_of, lines_of, opened, payload_of, standard_input
from tidelock.client.errors import PartlyPut, TidelockError
from tidelock.client.queues.producer import Put
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.terms import MessageOptions

NAMED = 20
"""Lines that an error names."""


@dataclass(frozen=True, slots=True)
class Load:
    """What `queue put` was asked to put."""

    payload: str | None
    """A message; None: standard input is one."""
    lines: Path | None
    """A file with a message on each line; `-`: standard input is that."""
    options: MessageOptions
    json: bool


class LinesFailed(CliProblem):
    """Some lines are not in the queue; those that were not `tried` are not, either."""

    def __init__(self, put: int, failed: Mapping[int, TidelockError], tried: Sequence[int]) -> None:
        line, error = next(iter(failed.items()))
        self.code = PartlyPut.code if put else error.code
        self.exit_code = exit_code_of(error)
        super().__init__(f"{put:,} lines are in; line {line} failed: {error} {_cure(line, failed, tried)}")


def _cure(line: int, failed: Mapping[int, TidelockError], tried: Sequence[int]) -> str:
    if all(number in failed for number in tried if number >= line):
        return f"Put the lines from {line} on again."
    named = ", ".join(str(number) for number in islice(failed, NAMED))
    more = f" and {len(failed) - NAMED:,} more" if len(failed) > NAMED else ""
    return f"Put again what failed ({named}{more}), and the lines after {tried[-1]}."


async def put(queue: Queue[bytes], load: Load) -> None:
    """Put a message, or the lines of a file. Raises `LinesFailed`."""
    if load.lines is not None:
        await _put_lines(queue, load.lines, load)
        return
    if load.payload is None:
        payload = await payload_of(standard_input(), MAX_PAYLOAD)
    else:
        payload = load.payload.encode()
    _tell(await queue.put(payload, **load.options), load.json)


def _tell(done: Put, json: bool) -> None:
    if json:
        show.as_json({"id": str(done.id), "duplicate": done.duplicate, "position": str(done.position)})
    else:
        show.say(f"{done.id}{' (was there: same dedup id)' if done.duplicate else ''}")


async def _put_lines(queue: Queue[bytes], path: Path, load: Load) -> None:
    count = 0
    what = f"put into {queue.name}"
    with opened(path) as (descriptor, total), bar_of(what, total, quiet=load.json) as bar:
        try:
            async for lines in lines_of(descriptor, MAX_PAYLOAD):
                count += await _put_some(queue, lines, load.options, count)
                bar.update(bar.task_ids[0], advance=lines.size)
        except LineTooLong as error:
            raise LinesFailed(count, {error.number: error}, [error.number]) from None
        except asyncio.CancelledError:
            show.complain("INTERRUPTED", f"At least {count:,} lines are in.")
            raise
    if load.json:
        show.as_json({"queue": queue.name, "put": count})
    else:
        show.say(f"put {show.number(count)} messages into {queue.name}")


async def _put_some(queue: Queue[bytes], lines: Lines, options: MessageOptions, before: int) -> int:
    """Put lines; return how many. `before`: how many are in already. Raises `LinesFailed`."""
    messages = lines.messages()
    if not messages:
        return 0
    try:
        return len(await queue.put_many([text for _, text in messages], **options))
    except PartlyPut as error:
        results = error.results
    except TidelockError as error:
        results = (error,) * len(messages)
    numbered = zip((number for number, _ in messages), results, strict=True)
    failed = {number: each for number, each in numbered if isinstance(each, TidelockError)}
    raise LinesFailed(before + len(messages) - len(failed), failed, [number for number, _ in messages])
