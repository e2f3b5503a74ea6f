"""Dead letters of the platform, as one tenant may see and redrive them. What it means is `streams.replay.letters`.

All is bounded: a page looks back for a moment, a redrive takes 100 letters, a trial ends after 20 s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import structlog

from api.errors import ApiError, TooSlow
from api.identity import Identity
from streams.domain.kind import KindSpec
from streams.log.reader import LogHalt
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import SinkError
from streams.projections.projection import Projection
from streams.replay.letters.decoded import decoded
from streams.replay.letters.deeds import purgeable, purged, redriven
from streams.replay.letters.desk import LetterDesk
from streams.replay.letters.errors import NoSuchLetter, TooManyLetters
from streams.replay.letters.plan import Plan, Planner
from streams.replay.letters.shelf import Filed, Found, Wanted, letter_at, search

READERS: Final = 2
PAGE_SCAN: Final = 20_000
"""Records that one page looks through."""
PAGE_S: Final = 4.0
"""A page that took so long is handed out as far as it is: `after` its end the search goes on."""
MAX_REDRIVEN: Final = 100
TRIAL_S: Final = 20.0
T = TypeVar("T")


class Letters:
    """The letters of all tenants, each of which sees its own."""

    def __init__(
        self,
        desk: LetterDesk,
        kinds: Sequence[KindSpec],
        projections: Sequence[Projection],
        empty: Callable[[Projection], Awaitable[None]],
    ) -> None:
        """`empty`: empties a read model, which projectors then build anew; raises `SinkError`."""
        self._desk, self._empty = desk, empty
        self._words = {kind.name: Vocabulary(kind) for kind in kinds}
        self._projections = {each.name: each for each in projections}
        self._planner = Planner(desk, self._words, projections)
        self._permits = asyncio.Semaphore(READERS)
        self._doing: set[asyncio.Task[Any]] = set()

    async def page(self, wanted: Wanted, most: int, before: int | None) -> Found:
        """Return the newest wanted letters below an id, without bodies. Raises `LogUnavailable`."""
        async with self._permits:
            return await search(self._desk.letters, wanted, most, PAGE_SCAN, before, PAGE_S)

    async def one(self, tenant: str, number: int) -> Filed | None:
        """Return a letter with its body, if the tenant has it. Raises `LogUnavailable`."""
        try:
            async with self._permits:
                return await letter_at(self._desk.letters, number, tenant)
        except NoSuchLetter:
            return None

    def meaning(self, filed: Filed) -> dict[str, object] | None:
        """Return what its bytes mean; None: of no kind that is known here."""
        words = self._words.get(filed.letter.kind)
        return None if words is None else decoded(filed.letter, words)

    async def plan(self, who: Identity, numbers: Sequence[int], *, again: bool, trial: bool) -> Plan:
        """Return what a redrive will do. Raises `LetterError`, `LogUnavailable`, `ApiError`."""
        if len(numbers) > MAX_REDRIVEN:
            raise TooManyLetters(
                f"{len(numbers)} letters are too many at once. Give {MAX_REDRIVEN} at the most."
            )
        try:
            async with self._permits, asyncio.timeout(TRIAL_S):  # who waits for others has not begun
                tell, shared = (lambda *_: None) if trial else None, "PLATFORM" in who.roles
                return await self._planner.plan(
                    numbers, tenant=who.tenant, shared=shared, again=again, trial=tell
                )
        except TimeoutError as error:
            raise TooSlow(
                "To read the letters behind these, and to fold the log up to them, takes longer than "
                f"{TRIAL_S:.0f} s. `tidelock dead-letter redrive --dry-run` takes its time."
            ) from error
        except LogHalt as error:
            raise ApiError(str(error), code=error.code) from error

    async def redrive(self, who: Identity, plan: Plan) -> str:
        """Do what was planned, whether its caller stays or not. Raises `LetterError`, `LogUnavailable`, `ApiError`."""
        plan.check()
        told = await self._whole(redriven(self._desk, plan, _name(who), self._rebuild))
        _log().info("dead letters redriven", by=_name(who), letters=[one.id for one in plan.steps], told=told)
        return told

    async def purge(self, who: Identity, through: int) -> int:
        """Delete the tenant's letters up to one; return how many records that were. Raises as `redrive` does."""
        async with self._permits:
            await purgeable(self._desk, through, who.tenant)
        count = await self._whole(purged(self._desk, through, _name(who)))
        _log().info("dead letters purged", by=_name(who), through=through, records=count)
        return count

    async def close(self) -> None:
        """Wait for what is being done."""
        await asyncio.gather(*self._doing, return_exceptions=True)

    async def _rebuild(self, name: str) -> None:
        try:
            await self._empty(self._projections[name])
        except SinkError as error:
            raise ApiError(
                f"All was sent and noted, but {name} could not be emptied: {error} Rebuild it: "
                f"`tidelock projection rebuild {name}`.",
                code=error.code,
            ) from error

    async def _whole(self, deed: Coroutine[Any, Any, T]) -> T:
        """Await what is not to be left half done when its caller hangs up."""
        try:
            await self._permits.acquire()
        except BaseException:
            deed.close()
            raise
        doing = asyncio.create_task(deed)
        self._doing.add(doing)
        doing.add_done_callback(self._done)
        return await asyncio.shield(doing)

    def _done(self, doing: asyncio.Task[Any]) -> None:
        self._doing.discard(doing)
        self._permits.release()  # not before: its caller may be gone


def _name(who: Identity) -> str:
    return f"{who.principal} of {who.tenant}, by GraphQL"


def _log() -> Any:
    return structlog.get_logger("tidelock.api")
