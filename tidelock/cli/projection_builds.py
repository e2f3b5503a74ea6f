"""What `tidelock projection build | diff | promote | rollback | retire` do to the builds of a read model."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from storage.postgres.builds import PostgresBuilds
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.store import PostgresProjectionStore
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.build_errors import BuildDiffers
from streams.projections.builds import NEAR, Build, Builds, Comparison, Switched, live_of
from streams.projections.ports import ProjectionStore
from streams.projections.projection import Projection
from tidelock.cli import show
from tidelock.cli.exits import CliProblem, WrongUse
from tidelock.cli.projection_rebuild import ends_of_kind, projection_named

LOOK_S: Final = 0.5


class NobodyBuilds(CliProblem):
    """A build was begun, and nothing moves."""

    code = "NO_PROJECTOR"

    def __init__(self, build: str, patience_s: float) -> None:
        super().__init__(
            f"{build} has not moved for {patience_s:g} s: no projector of this release seems to be running. Start one "
            "(`tidelock up`, or `python -m streams.projector.worker`; with TIDELOCK_PROJECTOR_BESIDE=1 while those of "
            "the release before go on): it goes on by itself, and `tidelock projection "
            "list` shows how far it is."
        )


@dataclass(frozen=True, slots=True)
class BuildsAt:
    """The builds of a database, and how far they are."""

    builds: Builds
    store: ProjectionStore


@asynccontextmanager
async def builds_at(postgres: str) -> AsyncIterator[BuildsAt]:
    """Open the builds."""
    async with pool(postgres, PoolSettings("tidelock command line", max_size=2)) as connections:
        yield BuildsAt(PostgresBuilds(connections), PostgresProjectionStore(connections))


def build_named(text: str) -> tuple[Projection, int]:
    """Return the read model and the number of `NAME@N`. Raises `WrongUse`."""
    name, at, number = text.partition("@")
    projection = projection_named(name)
    if not at or not number.isdecimal() or not 0 < int(number) < 2**31:
        raise WrongUse(
            f"{text!r} names no build. Say {name}@N: `tidelock projection list` shows which there are."
        )
    return projection, int(number)


async def build(
    kafka: str, at: BuildsAt, projection: Projection, number: int, patience_s: float, *, quiet: bool
) -> tuple[Build, int]:
    """Begin a build, or find it begun, and watch it until it is near the live one; return how many records it has.

    Raises `NobodyBuilds`, `BuildError`.
    """
    begun = await at.builds.begin(projection, number)
    meant = replace(projection, build=number)
    ends = await ends_of_kind(kafka, projection.kind)
    before, moved_s = -1, time.monotonic()
    with _bar(quiet) as progress:
        task = progress.add_task(f"building {begun.label}", total=sum(ends.values()))
        while True:
            done = await _done(at.store, meant, ends)
            progress.update(task, completed=done, total=sum(ends.values()))
            if sum(ends.values()) - done <= 0 or await _is_near(at, projection, meant):
                return begun, done
            if done != before:
                before, moved_s = done, time.monotonic()
            elif time.monotonic() - moved_s > patience_s:
                raise NobodyBuilds(begun.label, patience_s)
            await asyncio.sleep(LOOK_S)
            ends = await ends_of_kind(kafka, projection.kind)


async def _done(store: ProjectionStore, projection: Projection, ends: Mapping[PartitionId, int]) -> int:
    stored = await store.positions(projection)
    return sum(min(end, stored.get(where, START).next_offset) for where, end in ends.items())


async def _is_near(at: BuildsAt, projection: Projection, beside: Projection) -> bool:
    """Return whether a build could be promoted at once."""
    live = live_of(await at.builds.of(projection))
    stands = await at.store.positions(replace(projection, build=live.number, version=live.version))
    found = await at.store.positions(beside)
    lacks = [max(0, at.next_offset - found.get(where, START).next_offset) for where, at in stands.items()]
    return sum(lacks) <= NEAR and found.keys() >= stands.keys() and bool(found)


async def promote(
    at: BuildsAt, projection: Projection, number: int, patience_s: float, *, force: bool
) -> tuple[Switched, Comparison | None]:
    """Make a build live, compared with what is live before that, unless it is forced, or of another version: then rows
    are meant to differ. Raises `BuildError`.
    """
    compared = None
    if not force and live_of(await at.builds.of(projection)).version == projection.version:
        compared = await at.builds.compare(projection, number, 0, patience_s)
        if compared.rows:
            raise BuildDiffers(projection.name, number, compared.rows)
    return await at.builds.switch(projection, number, within_s=patience_s, force=force), compared


def _bar(quiet: bool) -> Progress:
    """Return a bar of records with the time that is left."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("records,"),
        TimeRemainingColumn(), TextColumn("left"),
    )  # fmt: skip
    return Progress(*columns, console=show.err, transient=True, disable=quiet or not show.err.is_terminal)
