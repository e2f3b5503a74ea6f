"""One read model of one partition: fold what the log holds, write rows and checkpoint together, again and again.

While a write is under way the lane folds on; the next write takes all of that (group commit). A lane knows of no
other: what is wrong with one delays no other. Errors never skip anything:

    SinkUnavailable, LogUnavailable   pause and load again, for ever, visibly
    OfAnotherRelease                  the same: it is left alone, until a build of this release takes its place
    CheckpointMoved                   somebody else wrote, or a rebuild began: load again at once
    RowRefused, a fold that raises    pause and load again some times: it may pass. Then one record at a time, up to
                                      the decision that is to be put aside (`poison`)
    LogHalt                           stop, visibly, until a release that knows better is started
"""

import asyncio
import gc
import time
from typing import Literal, TypeAlias

from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import LogUnavailable
from streams.log.reader import LogHalt
from streams.log.vocabulary import Vocabulary
from streams.ops.backoff import Backoff, Pause
from streams.projections.ports import (
    CheckpointMoved,
    Loaded,
    OfAnotherRelease,
    RowRefused,
    SinkError,
    SinkUnavailable,
)
from streams.projections.projection import Fold, Projection
from streams.projector.due import Due
from streams.projector.identity import LogEndsEarly, LogReplaced, check_log
from streams.projector.idling import Idling
from streams.projector.lane_ports import LanePorts
from streams.projector.mirror import Mirror
from streams.projector.model import ReadModel
from streams.projector.pace import Pace as BuildingPace
from streams.projector.pace import full_speed
from streams.projector.poison import FoldFailed, NoDecision, restored
from streams.projector.reading import Reading
from streams.projector.settings import LaneSettings
from streams.projector.steps import Steps
from streams.projector.stretch import Stretch
from streams.projector.tail import Tail
from streams.projector.watch import LaneName
from streams.projector.writing import Writing

Phase: TypeAlias = Literal[
    "loading", "following", "catching up", "stepping", "waiting", "left alone", "halted", "stopped"
]


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
        build_pace: BuildingPace = full_speed,
    ) -> None:
        """`projection`: one of its builds, live until it is told otherwise. `build_pace`: how fast it reads if not."""
        self.name = LaneName(projection.name, tail.where)
        self.projection = projection
        self.live = True
        self.phase: Phase = "loading"
        self.trouble: Exception | None = None
        """What keeps it from going on now, or for good."""
        self.written: Checkpoint | None = None
        """What the store has, as far as is known here; None before the first load."""
        self.decisions = 0
        self.moved_s = time.monotonic()
        self._where, self._vocabulary, self._tail = tail.where, vocabulary, tail
        self._settings, self._mirror, self._watch = settings, mirror, ports.watch
        self._model = ReadModel(projection, tail.where, vocabulary, ports)
        self._log, self._build_pace = ports.log(tail.where), build_pace
        self.counters: dict[str, int] = {}
        """What its windows counted, and put aside."""
        first_s = settings.longest_pause_s if settings.beside else settings.first_pause_s
        self._backoff = Backoff(first_s, settings.longest_pause_s, pause)
        self._wake = asyncio.Event()
        self._idling = Idling(projection, self._log, self._wake)
        self._advanced = False
        """The fold was moved on by the clock since the last write began."""
        self._idle = False
        self._paused = False
        self._stale = False
        self._fold: Fold = restored(projection, tail.where, vocabulary, Loaded(START, {}))
        self._folded = START
        self._unwritten = 0
        self._writing: Writing | None = None
        self._due = Due(settings.pace_s, self._wake)
        self._reading = Reading(
            tail, vocabulary, self._log, settings.stretch_bytes, self._wake, self._reading_pace
        )
        self._halt: LogHalt | None = None
        self._step_to: int | None = None
        """Up to which offset a fold or the store refused something."""
        self._refused = 0
        """How often, since the last write."""
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
    def progress(self) -> object:
        """Something that is equal as long as the lane stands still."""
        return (id(self), self.position, self.written, self._model.attempts)

    @property
    def writing(self) -> bool:
        """Whether a write is under way."""
        return self._writing is not None

    @property
    def writing_s(self) -> float:
        """For how long a write has been under way; 0: none is."""
        writing = self._writing
        return 0.0 if writing is None else time.monotonic() - writing.began_s

    def become(self, *, live: bool, alone: bool = False) -> None:
        """Be the build that everybody reads, or one beside it: side effects are the live one's.

        `alone`: beside one of another version.
        """
        self.live = self._model.live = live
        self.name = LaneName(self.projection.name if live else self.projection.label, self._where)
        self._model.name = self.name
        if self._mirror is not None:
            self._mirror.mute(muted=not live, gone=alone)

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
        """Project until cancelled. Where nothing can be done, wait for a rebuild, which begins anew."""
        try:
            while True:
                await self._attempt()
                while self.phase == "halted" and not self._stale:
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            await self._let_go()
            await self._model.release()
            self._enter("stopped")

    async def _attempt(self) -> None:
        try:
            if self._step_to is not None:
                await self._step(self._step_to)
            await self._load()
            await self._follow()
        except CheckpointMoved as moved:
            beside = self._settings.beside  # who keeps all partitions of all read models goes first
            await self._wait(moved, at_once=self._backoff.attempts == 0 and not beside)
        except OfAnotherRelease as error:
            await self._wait(error, phase="left alone")
        except (SinkUnavailable, LogUnavailable) as error:
            await self._wait(error)
        except (RowRefused, FoldFailed) as error:
            await self._refuse(error)
        except (LogHalt, NoDecision, SinkError) as error:
            self._tell(error)
            self._step_to, self._stale = None, False
            self._enter("halted")
        except Exception as error:  # a bug of ours: nothing is skipped, and it is seen
            await self._wait(error)

    async def _refuse(self, error: Exception) -> None:
        """Try again what may be refused for a reason that passes; let small steps find what is not."""
        self._refused += 1
        if self._refused > self._settings.retries:
            self._tell(error)
            return
        self._step_to = None
        await self._wait(error)

    async def _step(self, end: int) -> None:
        """Go by small steps past what was refused."""
        self._enter("stepping")
        await self._let_go()
        steps = Steps(self._model, self._reading.up_to_the_end, self._wrote, self._wake)
        try:
            await steps.up_to(end, self._settings.stretch_bytes)
        finally:
            gc.collect()  # refusals hold frames, which hold whole partitions; by itself that is seldom looked for
        self._step_to = None

    async def _load(self) -> None:
        if self.phase != "left alone":
            self._enter("loading")
        await self._let_go()
        begun = await self._model.load()
        self._fold = begun.fold
        self.written = self._folded = begun.checkpoint
        self._unwritten, self._stale, self._halt, self._advanced = 0, False, None, False
        self.counters = self._idling.counters(self._fold)
        await self._check_log(begun.checkpoint)
        self.moved_s = time.monotonic()
        if self._mirror is not None:
            self._mirror.loaded(begun.loaded, self._idling.moved_ms(begun.fold))
        self._tail.begin(begun.checkpoint)

    async def _check_log(self, at: Checkpoint) -> None:
        """See that the log is the one that was read before. Raises `LogReplaced`, `LogUnavailable`."""
        try:
            await check_log(self._log, self._where, at, self.projection.name)
        except LogReplaced:
            self._tail.leave(at)
            raise

    async def look_at_log(self) -> None:
        """Load again, and say what is wrong, if the log is not the one that was read any more."""
        if self.written is None or self.phase == "halted":
            return
        try:
            await self._check_log(self.written)
        except (LogReplaced, LogEndsEarly):
            self.reload()
        except LogUnavailable:
            return  # Kafka is away: nothing is known

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
            if self._halt is not None and self._rests:
                raise self._halt
            self._idle = self._writing is None and self._rests
            if self._idle and await self._idling.advanced(self._fold, self.position):
                self._advanced, self._idle = True, False
                continue
            await self._wake.wait()
            if self._idle:
                self._idle, self.moved_s = False, time.monotonic()

    # ── reading and folding ─────────────────────────────────────────────────────────────────────────────

    def _next(self) -> Stretch | None:
        """Return the next stretch if one is there and there is room for it. Raises `LogUnavailable`."""
        if self._unwritten >= self._settings.unwritten or self._halt is not None:
            return None
        try:
            if self._reading.tail_reaches(self.position):
                self._enter("following")
                return self._reading.of_tail(self.position)
            self._enter("catching up")
            return self._reading.of_log(self._folded)
        except LogHalt as halt:
            self._halt = halt  # first write what comes before
            return None

    def _reading_pace(self) -> BuildingPace:
        return full_speed if self.live else self._build_pace

    async def _take(self, stretch: Stretch) -> None:
        try:
            for accepted in stretch.commits:
                if accepted.offset >= self.position:
                    await self._model.fold(self._fold, accepted)
                    self._unwritten += len(accepted.commit.decisions)
        except FoldFailed:
            self._step_to = stretch.end
            raise
        self._folded = stretch.reached
        self.moved_s = time.monotonic()

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────

    def _write(self) -> None:
        """Begin to write what is folded, if no write is under way."""
        if self._writing is not None or self._paused or self._rests or self.written is None:
            return
        if not self._is_due():
            return
        try:
            changes = self._model.take(self._fold)
        except FoldFailed:
            self._step_to = self.position
            raise
        self._due.begun()
        self._writing = Writing(
            self.written, self._folded, changes, self._unwritten, self._idling.moved_ms(self._fold)
        )
        self._writing.begin(self._model.store, self._model.projection, self._where, self._wake)
        self._unwritten, self._advanced = 0, False
        self.counters = self._idling.counters(self._fold)

    @property
    def _rests(self) -> bool:
        """Whether all that the fold knows is written."""
        return self._folded is self.written and not self._advanced

    def _is_due(self) -> bool:
        """Whether a write may begin; if not, the lane is woken when it may."""
        return self._unwritten > self._settings.unwritten // 4 or self._due.now()

    def _settle(self) -> None:
        """Take notice of a write that has ended. Raises what ended it."""
        writing = self._writing
        if self._stale:
            raise CheckpointMoved(self.name.projection, self._where, self.position, None)
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
        self._refused = 0
        self._backoff.succeeded()
        if self._mirror is not None:
            self._mirror.committed(writing.reached, writing.changes, writing.moved_ms)
        self._watch.wrote(self.name, writing.decisions, writing.seconds)

    async def _let_go(self) -> None:
        """Drop what is in hand: the checkpoint in the store says from where to go on."""
        self._reading.close()
        self._idling.close()
        self._due.cancel()
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing.end(self._settings.hand_over_s)

    # ── what people see ─────────────────────────────────────────────────────────────────────────────────

    def _enter(self, phase: Phase) -> None:
        if phase != self.phase:
            self.phase = phase
            self._watch.phase(self.name, phase)

    def _tell(self, error: Exception) -> None:
        self.trouble = error
        self._watch.trouble(self.name, error)

    async def _wait(self, error: Exception, *, at_once: bool = False, phase: Phase = "waiting") -> None:
        self._tell(error)
        await self._let_go()
        self._enter(phase)
        if at_once:
            self._backoff.attempts += 1
        else:
            await self._backoff.pause()
