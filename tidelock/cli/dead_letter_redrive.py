"""What a redrive will do, letter by letter; doing it; and the note that it leaves."""

import getpass
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from storage.kafka.letters import letters_at, note, purge, send
from streams.log.letters import COMMANDS, LetterAction
from streams.log.vocabulary import Vocabulary
from streams.replay.letters.errors import LetterError, NotRenewable
from streams.replay.letters.renewed import Renewed, renewed
from streams.replay.letters.shelf import Filed, Wanted, letter_at, search
from streams.replay.letters.trial import refused_still
from tidelock.cli.projection_rebuild import projection_named, rebuild_now
from tidelock.cli.topics import bar, partitions_of, reader_of

NOTES: Final = 10_000
"""So many of the newest letters are looked through for notes of earlier redrives."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one letter."""

    COLUMNS: ClassVar = ("id", "place", "what is done", "outcome")
    id: int
    place: str
    command: Renewed | None
    rebuild: str | None
    trouble: LetterError | None
    trial: str

    @property
    def facts(self) -> dict[str, object]:
        """Return it for people and machines."""
        return {"id": self.id, "place": self.place, "does": self._does, "outcome": self.trial}

    @property
    def _does(self) -> str:
        if self.command is not None:
            one = self.command
            into = f"{one.where.commands_topic}/{one.where.partition}"
            return f"new command {one.name} on {one.key} by {one.client} into {into}"
        return "nothing" if self.rebuild is None else f"rebuild of {self.rebuild}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a redrive will do."""

    steps: tuple[Planned, ...]
    helps: bool

    @property
    def rebuilds(self) -> tuple[str, ...]:
        """The read models that are emptied and built anew, each once."""
        return tuple(sorted({one.rebuild for one in self.steps if one.rebuild is not None}))

    @property
    def commands(self) -> tuple[Renewed, ...]:
        """The commands that are sent."""
        return tuple(one.command for one in self.steps if one.command is not None)

    @property
    def question(self) -> str:
        """What is asked before it is done."""
        parts = [f"send {len(self.commands)} new commands"] if self.commands else []
        parts += [f"empty and rebuild {name}" for name in self.rebuilds]
        return f"Redrive {len(self.steps)} dead letters: {', '.join(parts)}?"

    def check(self) -> None:
        """Raise the first `LetterError`, if there is one: nothing is to be done by halves."""
        for one in self.steps:
            if one.trouble is not None:
                raise one.trouble


async def plan(
    kafka: str,
    words: Mapping[str, Vocabulary],
    numbers: Sequence[int],
    *,
    again: bool,
    trial: bool,
    quiet: bool,
) -> Plan:
    """Return what a redrive will do; a `trial` folds projections' letters once more, in memory.

    Raises `NoSuchLetter`, `PortError`, `LogHalt`.
    """
    topic = letters_at(kafka)
    notes = (await search(topic, Wanted(), 1_000, NOTES)).actions
    done = frozenset(each for _, one in notes if one.action == "REDRIVEN" for each in one.letters)
    steps, helps = [], True
    for number in numbers:
        filed = await letter_at(topic, number)
        try:
            if filed.id in done and not again:
                raise NotRenewable(filed.id, "it was redriven before. Say --again.")
            if filed.letter.kind not in words:
                raise NotRenewable(filed.id, f"this release knows no kind {filed.letter.kind}.")
            step = await _step(kafka, words[filed.letter.kind], filed, trial=trial, quiet=quiet)
        except LetterError as error:
            step = Planned(filed.id, filed.letter.place, None, None, error, str(error))
        helps = helps and step.trouble is None
        steps.append(step)
    return Plan(tuple(steps), helps)


async def _step(kafka: str, words: Vocabulary, filed: Filed, *, trial: bool, quiet: bool) -> Planned:
    letter = filed.letter
    if letter.stage in COMMANDS:
        partitions = len(await partitions_of(kafka, [letter.kind], None))
        command = renewed(filed, words, partitions, time.time_ns() // 1_000_000)
        return Planned(filed.id, letter.place, command, None, None, "this release can read it")
    projection = projection_named(letter.read_model or "")
    outcome = "not tried"
    if trial:
        with bar(quiet) as progress:
            task = progress.add_task(f"folding up to {letter.place}", total=None)
            why = await refused_still(
                reader_of(kafka)(letter.where), projection, words, letter,
                lambda done, total: progress.update(task, completed=done, total=total),
            )  # fmt: skip
        if why is not None:
            raise NotRenewable(filed.id, f"it would be put aside again: {why}")
        outcome = "folded; whether it can be stored, the rebuild shows"
    return Planned(filed.id, letter.place, None, projection.name, None, outcome)


async def redriven(
    kafka: str, postgres: Callable[[], str], planned: Plan, patience_s: float, *, quiet: bool
) -> str:
    """Do it; return what was done. Raises `PortError`, `SinkError`, `NothingMoves`."""
    database = postgres() if planned.rebuilds else ""
    await send(kafka, [(one.where, one.body) for one in planned.commands])
    told = f"redrove {len(planned.steps)} dead letters: {len(planned.commands)} commands sent, rebuilt: "
    told += ", ".join(planned.rebuilds) or "nothing"
    await note(kafka, LetterAction("REDRIVEN", _who(), tuple(one.id for one in planned.steps), told))
    for name in planned.rebuilds:
        await rebuild_now(kafka, database, projection_named(name), patience_s, quiet=quiet)
    return told


async def purged(kafka: str, through: int) -> int:
    """Delete all letters up to one; return how many records that were. Raises `PortError`."""
    first, _ = await letters_at(kafka).bounds()
    count = max(0, through + 1 - first)
    told = f"purged {count} records up to dead letter {through}"
    await note(kafka, LetterAction("PURGED", _who(), (through,), told))  # first: no purge is without its note
    await purge(kafka, through)
    return count


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
