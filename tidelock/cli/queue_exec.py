"""Running a command for a message: its payload is the input, its lease is kept meanwhile."""

import asyncio
import os

from tidelock.cli import exits, show
from tidelock.cli.interruption import Signals, end, kill
from tidelock.client.errors import ReceiptInvalid, TidelockError
from tidelock.client.queues.message import Message

EXTEND_SHARE = 1 / 3
LEAST_PAUSE_S = 0.1


class CannotRun(exits.CliProblem):
    """There is no such command, or it may not be run."""

    code = "COMMAND_FAILED"


async def execute(
    message: Message[bytes], command: tuple[str, ...], lease: float | None, signals: Signals
) -> int:
    """Run the command; return its exit code. Cancelled, or if it cannot be run, the message is given back."""
    try:
        return await _run(message, command, lease, signals)
    except asyncio.CancelledError:
        await _give_back(message)
        raise
    except OSError as error:
        await _give_back(message)
        raise CannotRun(f"{command[0]} cannot be run: {error.strerror}. Check its path.") from None


async def _run(
    message: Message[bytes], command: tuple[str, ...], lease: float | None, signals: Signals
) -> int:
    about = {
        "TIDELOCK_MESSAGE": str(message.id), "TIDELOCK_ATTEMPT": str(message.attempt),
        "TIDELOCK_GROUP": message.group or "", "TIDELOCK_QUEUE": message.queue,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, env={**os.environ, **about}
    )
    keeping = asyncio.create_task(_keep(message, lease))
    try:
        await process.communicate(message.body.payload)
    except asyncio.CancelledError:
        signals.forward = lambda _: kill(process)  # who signals once more does not want to wait
        await end(process)
        raise
    finally:
        keeping.cancel()
    assert process.returncode is not None
    return process.returncode


async def _keep(message: Message[bytes], lease: float | None) -> None:
    """Extend the lease until cancelled, or until it is lost for certain; what may pass is tried again."""
    while True:
        await asyncio.sleep(max(LEAST_PAUSE_S, message.expires_in() * EXTEND_SHARE))
        try:
            await message.extend(lease)
        except ReceiptInvalid as error:
            show.complain(error.code, f"Message {message.id} is lost while its command runs. {error}")
            return
        except TidelockError:
            continue


async def _give_back(message: Message[bytes]) -> None:
    try:
        await message.give_back()
    except TidelockError as error:
        show.complain(error.code, f"Message {message.id} comes again only after its lease. {error}")
