"""What `tidelock projection rebuild --hot` asks Redis: hot copies go, and come again from what is stored."""

import asyncio
import time

from storage.kept import store_at
from storage.redis.hot import RedisHotStore, client
from streams.projections.hot import hot_copy
from streams.projections.ports import HotStore, ProjectionStore
from streams.projections.projection import Projection
from streams.read_models import PROJECTIONS
from tidelock.cli.exits import CliProblem, WrongUse
from tidelock.cli.projection_rebuild import COMMAND_LINE, LOOK_S, Progress
from tidelock.cli.topics import bar


class NoCopies(CliProblem):
    """Hot copies are gone, and nobody builds them."""

    code = "NO_HOT_COPIES"

    def __init__(self, projection: str, missing: int, patience_s: float) -> None:
        super().__init__(
            f"{missing} hot copies of {projection} are gone, and none came for {patience_s:g} s: no projector seems to "
            "be running that knows this Redis. Start one with TIDELOCK_REDIS set; until then PostgreSQL answers."
        )


def see_that_it_is_copied(projection: Projection) -> None:
    """Raise `WrongUse` if a read model has no hot copies."""
    if projection.hot is None:
        known = ", ".join(each.name for each in PROJECTIONS if each.hot is not None)
        raise WrongUse(f"{projection.name} has no hot copy. Choose from: {known}.")


async def copies_rebuilt(
    store: ProjectionStore, hot: HotStore, projection: Projection, progress: Progress, patience_s: float
) -> int:
    """Drop the copies, and wait until each is as far as the rows were; return how many. Raises `NoCopies`."""
    stored = await store.positions(projection)
    wanted = {hot_copy(projection, where): at.next_offset for where, at in stored.items()}
    await hot.drop(wanted)
    before, moved_s = -1, time.monotonic()
    while True:
        found = await hot.get(dict.fromkeys(wanted, ()))
        done = sum(1 for copy, end in wanted.items() if (found[copy].next_offset or 0) >= end)
        progress(done, len(wanted))
        if done == len(wanted):
            return done
        if done != before:
            before, moved_s = done, time.monotonic()
        elif time.monotonic() - moved_s > patience_s:
            raise NoCopies(projection.name, len(wanted) - done, patience_s)
        await asyncio.sleep(LOOK_S)


async def rebuild_copies_now(
    kafka: str, postgres: str, redis: str, projection: Projection, patience_s: float, *, quiet: bool
) -> int:
    """Have the copies of a read model built anew, and watch it; return how many. Raises `NoCopies`."""
    connection = client(redis)
    try:
        async with store_at(kafka, postgres, COMMAND_LINE) as store:
            with bar(quiet) as progress:
                task = progress.add_task(f"copying {projection.name}", total=None)

                def told(done: int, total: int) -> None:
                    progress.update(task, completed=done, total=total)

                return await copies_rebuilt(store, RedisHotStore(connection), projection, told, patience_s)
    finally:
        await connection.aclose()
