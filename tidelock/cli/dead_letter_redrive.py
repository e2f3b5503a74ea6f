"""A redrive, as the command line does it: planned and tried under a bar, then done and watched."""

import getpass
import socket
from collections.abc import Callable, Mapping, Sequence

from rich.progress import TaskID

from storage.kafka.letters import KafkaLetterDesk
from streams.log.vocabulary import Vocabulary
from streams.read_models import PROJECTIONS
from streams.replay.letters.deeds import redriven
from streams.replay.letters.plan import Plan, Planner
from tidelock.cli.projection_rebuild import projection_named, rebuild_now
from tidelock.cli.topics import bar


async def planned(
    kafka: str,
    words: Mapping[str, Vocabulary],
    numbers: Sequence[int],
    *,
    again: bool,
    trial: bool,
    quiet: bool,
) -> Plan:
    """Return what a redrive will do. Raises `LetterError`, `PortError`, `LogHalt`."""
    planner = Planner(KafkaLetterDesk(kafka), words, PROJECTIONS)
    with bar(quiet) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(f"folding {what}", total=None)
            progress.update(tasks[what], completed=done, total=total)

        return await planner.plan(numbers, again=again, trial=told if trial else None)


async def redrive_now(
    kafka: str, postgres: Callable[[], str], plan: Plan, patience_s: float, *, quiet: bool
) -> str:
    """Do it, and watch the rebuilds; return what was done. Raises `PortError`, `SinkError`, `NothingMoves`."""
    database = postgres() if plan.rebuilds else ""

    async def rebuild(name: str) -> None:
        await rebuild_now(kafka, database, projection_named(name), patience_s, quiet=quiet)

    return await redriven(KafkaLetterDesk(kafka), plan, operator(), rebuild)


def operator() -> str:
    """Return who does it, for the note."""
    return f"{getpass.getuser()}@{socket.gethostname()}"
