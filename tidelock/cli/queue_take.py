"""Taking from the command line: look and acknowledge, lease, or run a command for each message."""

import asyncio
import os
import signal
from dataclasses import dataclass

from tidelock.cli import exits, queue_view, show
from tidelock.client.queues.message import Message
from tidelock.client.queues.reading import Readable

EXTEND_SHARE = 1 / 3
LEAST_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Wish:
    """What `queue take` was asked."""

    count: int
    """0: without end."""
    wait: float
    lease: float | None
    outcome: str
    """`ack`, `nack`, `lease`, or `exec`."""
    command: tuple[str, ...]
    reason: str
    json: bool


class Failed(exits.CliProblem):
    """A command that was run for a message failed."""

    code = "COMMAND_FAILED"


async def take(source: Readable[bytes], wish: Wish) -> int:
    """Take messages; return the exit code: 1 if there was none, or a command failed."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    got = failed = 0
    try:
        while wish.count == 0 or got < wish.count:
            found = await source.receive(1, wait=wish.wait, lease=wish.lease)
            if not found:
                if wish.count:
                    break
                continue
            failed += not await _treat(found[0], wish)
            got += 1
    except asyncio.CancelledError:
        return 130
    if not got and not wish.json:
        show.err.print(f"{source.name}: no message within {wish.wait:g} s", style="dim", markup=False)
    return exits.OK if got and not failed else exits.NO


async def _treat(message: Message[bytes], wish: Wish) -> bool:
    """Do with one message as wished; return whether all is well."""
    if wish.outcome == "exec":
        return await _execute(message, wish)
    if wish.outcome == "lease":
        queue_view.taken(message, wish.json, "leased")
        if not wish.json:
            show.err.print(f"receipt {message.receipt}, for {message.expires_in():.0f} s", style="dim")
        return True
    queue_view.taken(message, wish.json, "acknowledged" if wish.outcome == "ack" else "failed")
    await (message.ack() if wish.outcome == "ack" else message.nack(reason=wish.reason))
    return True


async def _execute(message: Message[bytes], wish: Wish) -> bool:
    """Run the command with the payload as its standard input; acknowledge if it succeeds."""
    about = {
        "TIDELOCK_MESSAGE": str(message.id), "TIDELOCK_ATTEMPT": str(message.attempt),
        "TIDELOCK_GROUP": message.group or "", "TIDELOCK_QUEUE": message.queue,
    }  # fmt: skip
    try:
        process = await asyncio.create_subprocess_exec(
            *wish.command, stdin=asyncio.subprocess.PIPE, env={**os.environ, **about}
        )
    except OSError as error:
        await message.give_back()
        raise Failed(f"{wish.command[0]} cannot be run: {error.strerror}. Check its path.") from None
    keeping = asyncio.create_task(_keep(message, wish.lease))
    try:
        await process.communicate(message.body.payload)
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        await message.give_back()
        raise
    finally:
        keeping.cancel()
    if process.returncode == 0:
        await message.ack()
        return True
    why = f"{wish.command[0]} ended with {process.returncode}"
    await message.nack(reason=why)
    show.complain("COMMAND_FAILED", f"{why} for message {message.id}; it comes again after the backoff.")
    return False


async def _keep(message: Message[bytes], lease: float | None) -> None:
    """Extend the lease while the command runs."""
    while True:
        await asyncio.sleep(max(LEAST_PAUSE_S, message.expires_in() * EXTEND_SHARE))
        await message.extend(lease)
