"""What `tidelock projection` asks the database and the logs."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from storage.kafka.topic_facts import ends_of
from storage.kept import store_at
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.builds import Build, BuildList
from streams.projections.ports import ProjectionStore
from streams.projections.projection import Projection
from streams.read_models import PROJECTIONS
from tidelock.cli.exits import CliProblem, NothingToTalkTo, WrongUse
from tidelock.cli.topics import bar

LOOK_S: Final = 0.2
COMMAND_LINE: Final = "tidelock command line"
Ends: TypeAlias = Mapping[PartitionId, int]
Progress: TypeAlias = Callable[[int, int], None]
"""(records projected, records there are)"""


class NothingMoves(CliProblem):
    """A rebuild was begun, and nobody builds."""

    code = "NO_PROJECTOR"

    def __init__(self, projection: str, patience_s: float) -> None:
        super().__init__(
            f"{projection} is emptied, but nothing was projected for {patience_s:g} s: no projector seems to be "
            "running. Start one (`tidelock up`, or `python -m streams.projector.worker`): it builds by itself, and "
            "`tidelock projection list` shows how far it is."
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a build of a read model of one partition is."""

    projection: str
    build: int
    live: bool
    version: int
    """Of the code that made it."""
    own_version: int
    """Of this release: it keeps builds of that version up to date, and no others."""
    partition: str
    position: str | None
    """The last record that it has; None: it has none."""
    lag: int
    """Records that it lacks."""
    lag_s: float
    """How old the last record that it has is, if it lacks some."""
    tables: tuple[str, ...]


def projection_named(name: str) -> Projection:
    """Return the read model of that name. Raises `WrongUse`."""
    for each in PROJECTIONS:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in PROJECTIONS)
    raise WrongUse(f"There is no projection {name!r}. Choose from: {known}.")


async def ends_of_kind(kafka: str, kind: str) -> dict[PartitionId, int]:
    """Return where the logs of a kind end now. Raises `NothingToTalkTo`, `LogUnavailable`."""
    ends = await ends_of(kafka, [PartitionId(kind, 0).log_topic])
    if not ends:
        raise NothingToTalkTo(
            f"Kafka at {kafka} holds no log of {kind}. Start a worker; it creates the topics."
        )
    return {PartitionId(kind, number): end for (_, number), end in sorted(ends.items())}


async def standings(kafka: str, store: ProjectionStore, builds: BuildList) -> list[Standing]:
    """Return how far every build of every read model of every partition is."""
    kinds = dict.fromkeys(projection.kind for projection in PROJECTIONS)
    ends_of_kinds, found = {kind: await ends_of_kind(kafka, kind) for kind in kinds}, []
    for projection in PROJECTIONS:
        for build in await builds.of(projection):
            stored = await store.positions(replace(projection, build=build.number, version=build.version))
            for where, end in ends_of_kinds[projection.kind].items():
                found.append(_standing(projection, build, where, stored.get(where, START), end))
    return found


def _standing(projection: Projection, build: Build, where: PartitionId, at: Checkpoint, end: int) -> Standing:
    lag = max(0, end - at.next_offset)
    return Standing(
        projection.name,
        build.number,
        build.live,
        build.version,
        projection.version,
        str(where),
        f"{where}@{at.next_offset - 1}" if at.next_offset else None,
        lag,
        round(max(0.0, time.time() - at.time_ms / 1000), 1) if lag and at.time_ms else 0.0,
        tuple(table.name for table in projection.tables),
    )


async def rebuilt(
    store: ProjectionStore, projection: Projection, ends: Ends, progress: Progress, patience_s: float
) -> None:
    """Wait until `projection` has what the logs had up to `ends`. Raises `NothingMoves`."""
    total, before, moved_s = sum(ends.values()), -1, time.monotonic()
    while True:
        stored = await store.positions(projection)
        done = sum(min(end, stored.get(where, START).next_offset) for where, end in ends.items())
        progress(done, total)
        if done >= total:
            return
        if done != before:
            before, moved_s = done, time.monotonic()
        elif time.monotonic() - moved_s > patience_s:
            raise NothingMoves(projection.name, patience_s)
        await asyncio.sleep(LOOK_S)


async def rebuild_now(
    kafka: str, postgres: str, projection: Projection, patience_s: float, *, quiet: bool
) -> int:
    """Empty a read model and watch it being built anew; return how many records that took. Raises `NothingMoves`."""
    ends = await ends_of_kind(kafka, projection.kind)
    async with store_at(kafka, postgres, COMMAND_LINE) as store:
        await store.reset(projection)
        with bar(quiet) as progress:
            task = progress.add_task(f"rebuilding {projection.name}", total=sum(ends.values()))

            def told(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            await rebuilt(store, projection, ends, told, patience_s)
    return sum(ends.values())
