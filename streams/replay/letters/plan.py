"""What a redrive will do, letter by letter. Nothing is written."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final

from streams.domain.value import value
from streams.log.letters import COMMANDS
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import Projection
from streams.replay.letters.desk import LetterDesk
from streams.replay.letters.errors import (
    LetterError,
    NoSuchLetter,
    NotRenewable,
    SharedReadModel,
    TooManyLetters,
)
from streams.replay.letters.renewed import Renewed, renewed
from streams.replay.letters.shelf import Filed, letters_of, notes
from streams.replay.letters.trial import Place, place_of, refused_still

MAX_LETTERS: Final = 1_000
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of the commands of one redrive."""


@value
class Planned:
    """What becomes of one letter."""

    COLUMNS: ClassVar = ("id", "place", "what is done", "outcome")
    id: int
    place: str
    command: Renewed | None
    rebuild: str | None
    decision: tuple[PartitionId, Place] | None
    """What a read model could not take."""
    trouble: LetterError | None
    outcome: str

    @property
    def facts(self) -> dict[str, object]:
        """Return it for people and machines."""
        return {"id": self.id, "place": self.place, "does": self.does, "outcome": self.outcome}

    @property
    def does(self) -> str:
        """What is done, in words."""
        if self.trouble is not None:
            return "nothing"
        if self.command is not None:
            one = self.command
            into = f"{one.where.commands_topic}/{one.where.partition}"
            return f"new command {one.name} on {one.key} by {one.client} into {into}"
        return f"rebuild of {self.rebuild}"


@value
class Plan:
    """What a redrive will do."""

    steps: tuple[Planned, ...]
    tenant: str = ""
    """Whose letters they are; empty: anybody's."""

    @property
    def helps(self) -> bool:
        """Whether no letter would become one again, as far as can be told."""
        return all(one.trouble is None for one in self.steps)

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


Told = Callable[[str, int, int], None]
"""(read model that is tried, records folded, records there are)"""


class Planner:
    """Plans redrives with what this release knows."""

    def __init__(
        self, desk: LetterDesk, words: Mapping[str, Vocabulary], projections: Sequence[Projection]
    ) -> None:
        self._desk, self._words = desk, words
        self._projections = {each.name: each for each in projections}

    async def plan(
        self,
        numbers: Sequence[int],
        *,
        tenant: str = "",
        shared: bool = True,
        again: bool = False,
        trial: Told | None = None,
    ) -> Plan:
        """Return what a redrive of these letters will do; with `trial`, decisions are folded once more, in memory.

        `tenant`: whose they must be; empty: anybody's. `shared`: whether read models, which all tenants
        share, may be rebuilt. Raises `TooManyLetters`, `LogUnavailable`, `LogHalt`.
        """
        if not 1 <= len(set(numbers)) <= MAX_LETTERS:
            raise TooManyLetters(
                f"{len(set(numbers))} letters cannot be redriven at once. Give 1 to {MAX_LETTERS}."
            )
        turns = await self._turns(numbers)
        partitions, steps, size = dict[str, int](), list[Planned](), 0
        async for filed in letters_of(self._desk.letters, numbers, tenant):
            if isinstance(filed, NoSuchLetter):
                steps.append(Planned(filed.number, "", None, None, None, filed, str(filed)))
                continue
            try:
                if turns[filed.id] and not again:
                    raise NotRenewable(filed.id, "it was redriven before. Say --again (`again: true`).")
                steps.append(await self._step(filed, partitions, turns[filed.id], shared=shared))
            except (NotRenewable, SharedReadModel) as error:
                steps.append(Planned(filed.id, filed.letter.place, None, None, None, error, str(error)))
            size += 0 if (command := steps[-1].command) is None else len(command.body)
            if size > MAX_BYTES:
                raise TooManyLetters(
                    f"The commands up to dead letter {filed.id} are over {MAX_BYTES:,} bytes. Redrive fewer at once."
                )
        return Plan(tuple(steps if trial is None else await self._tried(steps, trial)), tenant)

    async def _turns(self, numbers: Sequence[int]) -> Counter[int]:
        """Return how often letters were redriven: the notes of that stand behind the letters."""
        turns, wanted = Counter[int](), set(numbers)
        async for note in notes(self._desk.letters, min(wanted)):
            if note.action == "REDRIVEN":
                turns.update(wanted.intersection(note.letters))
        return turns

    async def _step(self, filed: Filed, partitions: dict[str, int], turn: int, *, shared: bool) -> Planned:
        """Return what becomes of one. Raises `NotRenewable`, `SharedReadModel`. `partitions`: known of kinds so far."""
        letter = filed.letter
        if letter.kind not in self._words:
            raise NotRenewable(filed.id, f"this release knows no kind {letter.kind}.")
        if letter.stage in COMMANDS:
            if letter.kind not in partitions:
                partitions[letter.kind] = await self._desk.partitions(letter.kind)
            now_ms = time.time_ns() // 1_000_000
            command = renewed(filed, self._words[letter.kind], partitions[letter.kind], now_ms, turn)
            return Planned(filed.id, letter.place, command, None, None, None, "this release can read it")
        name = letter.read_model or ""
        if name not in self._projections or self._projections[name].kind != letter.kind:
            raise NotRenewable(filed.id, f"this release knows no read model {name!r} of {letter.kind}.")
        if not shared:
            raise SharedReadModel(filed.id, name)
        return Planned(
            filed.id, letter.place, None, name, (letter.where, place_of(letter)), None, "not tried"
        )

    async def _tried(self, steps: Sequence[Planned], told: Told) -> list[Planned]:
        """Return the steps with what folding their decisions came to: one pass a read model and partition."""
        several: dict[tuple[str, PartitionId], set[Place]] = {}
        for step in steps:
            if step.rebuild is not None and step.decision is not None:
                where, place = step.decision
                several.setdefault((step.rebuild, where), set()).add(place)
        refused: dict[tuple[str, PartitionId], dict[Place, str]] = {}
        for (name, where), places in several.items():
            refused[name, where] = await refused_still(
                self._desk.log(where), where, self._projections[name], self._words[where.kind], places,
                partial(told, f"{name} {where}"),
            )  # fmt: skip
        return [_judged(step, refused) for step in steps]


def _judged(step: Planned, refused: Mapping[tuple[str, PartitionId], Mapping[Place, str]]) -> Planned:
    if step.rebuild is None or step.decision is None:
        return step
    where, place = step.decision
    why = refused[step.rebuild, where].get(place)
    if why is None:
        return replace(step, outcome="folded; whether it can be stored, the rebuild shows")
    error = NotRenewable(step.id, f"it would be put aside again: {why}")
    return replace(step, rebuild=None, trouble=error, outcome=str(error))
