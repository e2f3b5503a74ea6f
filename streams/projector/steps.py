"""Going on where something was refused: small steps, each written before the next is folded.

First stretch by stretch; a stretch that is refused, record by record; a record that is refused, without the decisions
that are the cause.
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from streams.log.checkpoint import Checkpoint
from streams.projections.ports import RowRefused
from streams.projections.table import Changes
from streams.projector.catch_up import CatchUp
from streams.projector.model import Begun, ReadModel
from streams.projector.poison import FoldFailed, NoDecision
from streams.projector.stretch import Stretch
from streams.projector.writing import Writing

Read: TypeAlias = Callable[[Checkpoint, int], CatchUp]
"""Starts to read from a checkpoint, in stretches of so many bytes."""
Wrote: TypeAlias = Callable[[Writing], None]


class Steps:
    """Moves one read model past what it cannot take."""

    def __init__(self, model: ReadModel, read: Read, wrote: Wrote, wake: asyncio.Event) -> None:
        self._model, self._read, self._wrote, self._wake = model, read, wrote, wake

    async def up_to(self, end: int, stretch_bytes: int) -> None:
        """Fold and write up to offset `end` at least. Raises `NoDecision` where that cannot be done."""
        begun = await self._model.load()
        at = begun.checkpoint
        if at.next_offset >= end:
            return  # another projector was faster
        reading = self._read(at, stretch_bytes)
        try:
            while at.next_offset < end and (stretch := await self._next(reading)) is not None:
                if not await self._is_taken(begun, at, stretch):
                    del begun  # it may be large, and is worth nothing any more
                    if stretch_bytes:
                        await self.up_to(stretch.end, 0)
                    else:
                        await self._step_without_culprits(stretch)
                    begun = await self._model.load()
                at = stretch.reached
        finally:
            reading.close()

    async def _next(self, reading: CatchUp) -> Stretch | None:
        while True:
            self._wake.clear()
            stretch = reading.take()
            if stretch is not None or reading.over:
                return stretch
            await self._wake.wait()

    async def _is_taken(self, begun: Begun, at: Checkpoint, stretch: Stretch) -> bool:
        try:
            await self._step(begun, at, stretch)
        except (RowRefused, FoldFailed):
            return False
        return True

    async def _step(self, begun: Begun, at: Checkpoint, stretch: Stretch) -> None:
        for accepted in stretch.commits:
            await self._model.fold(begun.fold, accepted)
        await self._write(at, stretch, self._model.take(begun.fold))

    async def _step_without_culprits(self, stretch: Stretch) -> None:
        begun = await self._model.load()
        try:
            for accepted in stretch.commits:
                await self._model.fold_without_culprits(begun, accepted)
            await self._write(begun.checkpoint, stretch, self._model.take(begun.fold))
        except (RowRefused, FoldFailed) as error:
            raise NoDecision(str(self._model.name), error) from error

    async def _write(self, at: Checkpoint, stretch: Stretch, changes: Changes) -> None:
        decisions = sum(len(accepted.commit.decisions) for accepted in stretch.commits)
        writing = Writing(at, stretch.reached, changes, decisions)
        writing.begin(self._model.store, self._model.projection, self._model.where, self._wake)
        try:
            await writing.task
        except asyncio.CancelledError:
            await writing.end(0.0)
            raise
        self._wrote(writing)
