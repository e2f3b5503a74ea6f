"""One read model of one partition: fold what the log holds, write rows and checkpoint together, again and again.

While a write is under way the lane folds on; the next write takes all of that (group commit). A lane knows of no
other: what is wrong with one delays no other. Errors never skip anything:

    SinkUnavailable, LogUnavailable   pause and load again, for ever, visibly
    CheckpointMoved                   somebody else wrote, or a rebuild began: load again at once
    RowRefused, a fold that raises    one record at a time, up to the decision that is to be put aside (`poison`)
    LogHalt                           stop, visibly, until a release that knows better is started
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Literal, TypeAlias

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import LogUnavailable, PoisonLetters, Stored, TopicReader
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import (
    CheckpointMoved,
    Loaded,
    ProjectionStore,
    RowRefused,
    SinkError,
    SinkUnavailable,
)
from streams.projections.projection import Fold, PoisonDecision, Projection
from streams.projections.table import Changes
from streams.projector.backoff import Backoff, Pause
from streams.projector.catch_up import CatchUp
from streams.projector.mirror import Mirror
from streams.projector.poison import FoldFailed, NoDecision, attempts, culprits, restored
from streams.projector.settings import LaneSettings
from streams.projector.stretch import Stretch
from streams.projector.tail import Tail
from streams.projector.watch import LaneName, LaneWatch
from streams.projector.writing import Writing

Phase: TypeAlias = Literal["loading", "following", "catching up", "stepping", "waiting", "halted", "stopped"]


@value
class LanePorts:
    """What every lane of a process shares."""

    store: ProjectionStore
    letters: PoisonLetters
    log: Callable[[PartitionId], TopicReader]
    watch: LaneWatch


class Lane:
    """One read model of one partition."""

    def __init__(
        self,
        projection: Projection,
        vocabulary: Vocabulary,
        tail: Tail,
        ports: LanePorts,
        settings: LaneSettings,
        mirror: Mirror | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.name = LaneName(projection.name, tail.where)
        self.phase: Phase = "loading"
        self.trouble: Exception | None = None
        """What keeps it from going on now, or for good."""
        self.written: Checkpoint | None = None
        """What the store has, as far as is known here; None before the first load."""
        self.decisions = 0
        self.moved_s = time.monotonic()
        self._projection, self._where = projection, tail.where
        self._vocabulary, self._tail, self._settings, self._mirror = vocabulary, tail, settings, mirror
        self._store, self._letters, self._watch = ports.store, ports.letters, ports.watch
        self._log = ports.log(tail.where)
        self._backoff = Backoff(settings.first_pause_s, settings.longest_pause_s, pause)
        self._wake = asyncio.Event()
        self._idle = False
        self._paused = False
        self._stale = False
        self._fold: Fold = restored(projection, tail.where, vocabulary, Loaded(START, {}))
        self._folded = START
        self._unwritten = 0
        self._writing: Writing | None = None
        self._due: asyncio.TimerHandle | None = None
        """Wakes the lane when its next write may begin."""
        self._begun_s = -settings.pace_s
        self._catching: CatchUp | None = None
        self._halt: LogHalt | None = None
        self._step_to: int | None = None
        """Up to which offset a fold or the store refused something."""
        tail.follow(self)

    # ── what others see and ask ─────────────────────────────────────────────────────────────────────────

    @property
    def position(self) -> int:
        """The offset that it folds next."""
        return self._folded.next_offset

    @property
    def needs(self) -> int:
        """The offset from which it would have to read again if its write under way failed."""
        return self.position if self.written is None else self.written.next_offset

    @property
    def moving(self) -> bool:
        """Whether it folds and writes now, and has done so of late."""
        late = time.monotonic() - self.moved_s > self._settings.patience_s
        return self.phase == "following" and (self._idle or not late)

    @property
    def writing(self) -> bool:
        """Whether a write is under way."""
        return self._writing is not None

    @property
    def writing_s(self) -> float:
        """For how long a write has been under way; 0: none is."""
        writing = self._writing
        return 0.0 if writing is None else time.monotonic() - writing.began_s

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    def reload(self) -> None:
        """The store does not stand where this lane left it: load again."""
        self._stale = True
        self.wake()

    async def pause(self) -> None:
        """Begin no write any more; return when the one under way has ended, or has taken too long."""
        self._paused = True
        if self._writing is not None:
            await asyncio.wait([self._writing.task], timeout=self._settings.hand_over_s)

    def resume(self) -> None:
        """Go on from where it was paused: nothing that was folded is lost."""
        self._paused = False
        self.wake()

    # ── its life ────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Project until cancelled, or until nothing can be done."""
        try:
            while self.phase != "halted":
                await self._attempt()
        finally:
            await self._let_go()
            if self.phase != "halted":
                self._enter("stopped")

    async def _attempt(self) -> None:
        try:
            if self._step_to is not None:
                await self._step(self._step_to, self._settings.stretch_bytes)
                self._step_to = None
            await self._load()
            await self._follow()
        except CheckpointMoved as moved:
            await self._wait(moved, at_once=self._backoff.attempts == 0)
        except (SinkUnavailable, LogUnavailable) as error:
            await self._wait(error)
        except (RowRefused, FoldFailed) as error:
            self._tell(error)
        except (LogHalt, NoDecision, SinkError) as error:
            self._tell(error)
            self._enter("halted")
        except Exception as error:  # a bug of ours: nothing is skipped, and it is seen
            await self._wait(error)

    async def _load(self) -> None:
        self._enter("loading")
        await self._let_go()
        loaded = await self._store.load(self._projection, self._where)
        self._fold = restored(self._projection, self._where, self._vocabulary, loaded)
        self.written = self._folded = loaded.checkpoint
        self._unwritten, self._stale, self._halt = 0, False, None
        self.moved_s = time.monotonic()
        if self._mirror is not None:
            self._mirror.loaded(loaded)
        self._tail.begin(loaded.checkpoint)

    async def _follow(self) -> None:
        while True:
            self._wake.clear()
            self._settle()
            self._write()
            stretch = self._next()
            if stretch is not None:
                await self._take(stretch)
                await asyncio.sleep(0)
                continue
            if self._halt is not None and self._folded is self.written:
                raise self._halt
            self._idle = self._writing is None and self._folded is self.written
            await self._wake.wait()
            if self._idle:
                self._idle, self.moved_s = False, time.monotonic()

    # ── reading and folding ─────────────────────────────────────────────────────────────────────────────

    def _next(self) -> Stretch | None:
        """Return the next stretch if one is there and there is room for it. Raises `LogUnavailable`."""
        if self._unwritten >= self._settings.unwritten or self._halt is not None:
            return None
        try:
            if self._tail.reaches(self.position):
                self._enter("following")
                self._leave_catching_up()
                return self._tail.after(self.position)
            return self._caught_up()
        except LogHalt as halt:
            self._halt = halt  # first write what comes before
            return None

    def _caught_up(self) -> Stretch | None:
        self._enter("catching up")
        if self._catching is None or self._catching.over:
            self._leave_catching_up()
            self._catching = self._read_from(self._folded, self._settings.stretch_bytes)
        return self._catching.take()

    def _read_from(self, start: Checkpoint, stretch_bytes: int) -> CatchUp:
        return CatchUp(self._where, self._vocabulary, self._log, start, stretch_bytes, self._wake)

    def _leave_catching_up(self) -> None:
        if self._catching is not None:
            catching, self._catching = self._catching, None
            catching.close()

    async def _take(self, stretch: Stretch) -> None:
        try:
            for accepted in stretch.commits:
                if accepted.offset >= self.position:
                    await self._fold_one(self._fold, accepted)
                    self._unwritten += len(accepted.commit.decisions)
        except FoldFailed:
            self._step_to = stretch.end
            raise
        self._folded = stretch.reached
        self.moved_s = time.monotonic()

    async def _fold_one(self, fold: Fold, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold a commit; decisions that do not fit what came before are put aside. Raises `FoldFailed`."""
        while True:
            try:
                fold.commit(accepted, without)
            except PoisonDecision as poison:
                if poison.index in without:
                    raise FoldFailed(poison) from poison
                await self._put_aside(accepted, poison.index, poison)
                without = frozenset(without).union(range(poison.index + 1))
            except Exception as error:  # whatever it is: it is this commit's
                raise FoldFailed(error) from error
            else:
                return

    async def _put_aside(self, accepted: AcceptedCommit, index: int, error: Exception) -> None:
        record = Stored(accepted.offset, accepted.time_ms, accepted.stored)
        code = getattr(error, "code", type(error).__name__)
        await self._letters.put_decision(self._projection.name, self._where, record, index, code, str(error))
        self._watch.poison(self.name, accepted.position, index, error)

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────

    def _write(self) -> None:
        """Begin to write what is folded, if no write is under way."""
        if self._writing is not None or self._paused or self._folded is self.written or self.written is None:
            return
        if not self._is_due():
            return
        try:
            changes = self._fold.take()
        except Exception as error:
            self._step_to = self.position
            raise FoldFailed(error) from error
        self._writing, self._begun_s = (
            Writing(self.written, self._folded, changes, self._unwritten),
            time.monotonic(),
        )
        self._writing.begin(self._store, self._projection, self._where, self._wake)
        self._unwritten = 0

    def _is_due(self) -> bool:
        """Whether a write may begin; if not, be woken when it may."""
        early_s = self._begun_s + self._settings.pace_s - time.monotonic()
        if early_s <= 0 or self._unwritten > self._settings.unwritten // 4:
            return True
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(early_s, self._now_due)
        return False

    def _now_due(self) -> None:
        self._due = None
        self._wake.set()

    def _settle(self) -> None:
        """Take notice of a write that has ended. Raises what ended it."""
        writing = self._writing
        if self._stale:
            raise CheckpointMoved(self._projection.name, self._where, self.position, None)
        if writing is None or not writing.task.done():
            return
        self._writing = None
        try:
            writing.task.result()
        except RowRefused:
            self._step_to = writing.reached.next_offset
            raise
        self._wrote(writing)

    def _wrote(self, writing: Writing) -> None:
        self.written = writing.reached
        self.decisions += writing.decisions
        self.moved_s = time.monotonic()
        self.trouble = None
        self._backoff.succeeded()
        if self._mirror is not None:
            self._mirror.committed(writing.reached, writing.changes)
        self._watch.wrote(self.name, writing.decisions, writing.seconds)

    async def _let_go(self) -> None:
        """Drop what is in hand: the checkpoint in the store says from where to go on."""
        self._leave_catching_up()
        if self._due is not None:
            self._due.cancel()
        writing, self._writing, self._due = self._writing, None, None
        if writing is not None:
            await writing.end(self._settings.hand_over_s)

    # ── when something is refused ───────────────────────────────────────────────────────────────────────

    async def _step(self, end: int, stretch_bytes: int) -> None:
        """Fold and write stretch by stretch, a stretch that is refused record by record, up to `end`."""
        self._enter("stepping")
        await self._let_go()
        loaded = await self._store.load(self._projection, self._where)
        fold = restored(self._projection, self._where, self._vocabulary, loaded)
        self._folded = self.written = loaded.checkpoint
        if self.position >= end:
            return  # another projector was faster
        reading = self._read_from(loaded.checkpoint, stretch_bytes)
        try:
            while self.position < end and (stretch := await self._wait_for(reading)) is not None:
                try:
                    await self._step_over(fold, stretch)
                except (RowRefused, FoldFailed):
                    if stretch_bytes:
                        await self._step(stretch.end, 0)
                    else:
                        await self._step_without_culprits(stretch)
                    loaded = await self._store.load(self._projection, self._where)
                    fold = restored(self._projection, self._where, self._vocabulary, loaded)
        finally:
            reading.close()

    async def _wait_for(self, reading: CatchUp) -> Stretch | None:
        while True:
            self._wake.clear()
            stretch = reading.take()
            if stretch is not None or reading.over:
                return stretch
            await self._wake.wait()

    async def _step_over(self, fold: Fold, stretch: Stretch) -> None:
        for accepted in stretch.commits:
            await self._fold_one(fold, accepted)
        try:
            changes = fold.take()
        except Exception as error:
            raise FoldFailed(error) from error
        await self._write_step(stretch, changes)

    async def _step_without_culprits(self, stretch: Stretch) -> None:
        """Find the decisions that are to be put aside, and write the record's commit without them."""
        loaded = await self._store.load(self._projection, self._where)
        fold = restored(self._projection, self._where, self._vocabulary, loaded)
        try:
            for accepted in stretch.commits:
                attempt = attempts(self._store, self._projection, self._vocabulary, loaded, accepted)
                found = await culprits(str(self.name), len(accepted.commit.decisions), attempt)
                for index, error in sorted(found.items()):
                    await self._put_aside(accepted, index, error)
                await self._fold_one(fold, accepted.without(found), found)
            await self._write_step(stretch, fold.take())
        except (RowRefused, FoldFailed) as error:
            raise NoDecision(str(self.name), error) from error

    async def _write_step(self, stretch: Stretch, changes: Changes) -> None:
        assert self.written is not None
        decisions = sum(len(accepted.commit.decisions) for accepted in stretch.commits)
        writing = Writing(self.written, stretch.reached, changes, decisions)
        writing.begin(self._store, self._projection, self._where, self._wake)
        await writing.task
        self._folded = stretch.reached
        self._wrote(writing)

    # ── what people see ─────────────────────────────────────────────────────────────────────────────────

    def _enter(self, phase: Phase) -> None:
        if phase != self.phase:
            self.phase = phase
            self._watch.phase(self.name, phase)

    def _tell(self, error: Exception) -> None:
        self.trouble = error
        self._watch.trouble(self.name, error)

    async def _wait(self, error: Exception, *, at_once: bool = False) -> None:
        self._tell(error)
        await self._let_go()
        self._enter("waiting")
        if at_once:
            self._backoff.attempts += 1
        else:
            await self._backoff.pause()
