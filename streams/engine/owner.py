"""The owner of one partition: catch up, claim, catch up; then decide until somebody else writes or it is told to stop.

Safety comes from the log alone: every answer leaves only after its commit landed exactly behind everything this
owner has read. Whatever else happens, the speculative state is dropped and the log is read again.
"""

import asyncio
from collections import deque

from streams.engine.batch import Batch
from streams.engine.clock import LeaseClock, Skew, WallMark
from streams.engine.errors import ClockSkew, Fenced, OwnerError
from streams.engine.outbox import Directory, deliver, open_waits
from streams.engine.pending import Pending
from streams.engine.ports import Entropy
from streams.engine.settings import OwnerSettings
from streams.engine.takeover import catch_up, check_commands, claim, open_log
from streams.engine.timers import MOST
from streams.engine.topic_lane import Framing, TopicLane
from streams.engine.waiting import WaitingRoom
from streams.engine.watch import Watch
from streams.log.ports import Appended, AppendUnknown, Clock, LogWriter, PartitionPorts, PortError
from streams.log.positions import PartitionId
from streams.log.reader import PartitionReader
from streams.log.records import MAX_DECISIONS
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import Refused


class Owner:
    """One partition's single decider, while its claim holds."""

    def __init__(
        self,
        where: PartitionId,
        vocabulary: Vocabulary,
        ports: PartitionPorts,
        clock: Clock,
        entropy: Entropy,
        settings: OwnerSettings,
        directory: Directory,
        watch: Watch,
        framing: Framing | None = None,
    ) -> None:
        self.where = where
        self.phase = "new"
        self.reader = PartitionReader(where, vocabulary, settings.max_level)
        """The accepted fold, and ahead of it, while commits are in flight, the speculative state (undoable)."""
        self._vocabulary = vocabulary
        self._ports = ports
        self._clock = clock
        self._entropy = entropy
        self._settings = settings
        self._directory = directory
        self._watch = watch
        self._waiting = WaitingRoom(vocabulary, settings, clock)
        self._topic = TopicLane(
            where,
            vocabulary,
            ports,
            settings.partitions,
            directory.topic_identity,
            self._wake,
            framing,
            lambda error: watch.trouble(where, error),
            settings.max_queued_bytes,
        )
        self._in_flight: deque[Batch] = deque()
        self._trouble: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._stopping = False
        self._writer: LogWriter | None = None
        self._lease = LeaseClock(0, 0)
        self._mark = WallMark(0, 0, 0)
        self._last_commit_ms = 0
        self._open: Batch | None = None
        self._activate: int | None = None
        self._riding, self._riding_bytes = 0, 0
        """Repeats that wait for the newest commit in flight, though they are no part of it."""
        self._blocked = False
        """Whether the loop waits for an append to end, not for something to decide."""
        self._failures = 0
        """Fatal ones in a row, without an accepted commit between them."""
        self._skew: Skew | None = None
        """What the last claim found, if the clocks were too far apart to decide."""

    # ── what others call ────────────────────────────────────────────────────────────────────────────────────

    def submit(self, pending: Pending) -> None:
        """Take a command from the direct lane, or refuse it: `OVERLOADED` beyond the bound."""
        if self.phase == "stopped":
            self._refuse(pending, "NOT_OWNER", f"{self.where} is no longer owned here.", 100)
        elif self.phase == "quarantined":
            message = f"{self.where} is quarantined here; see `tidelock status`."
            self._refuse(pending, "PARTITION_CLOSED", message, 1000)
        elif not self._waiting.has_room(pending):
            load = f"{len(self._waiting)} commands ({self._waiting.bytes} bytes)"
            self._refuse(pending, "OVERLOADED", f"{self.where} has {load} waiting.", 50)
        elif self._waiting.add(pending):
            self._wake()

    def activate(self, level: int) -> None:
        """Ask that feature `level` be activated; ignored when this release or the log does not allow it."""
        self._activate = level
        self._wake()

    def mark_ms(self) -> int:
        """Return the wall mark as of now."""
        return self._mark.at(self._clock.monotonic_ms())

    @property
    def queued(self) -> int:
        """How many commands wait for their decision."""
        return len(self._waiting) + len(self._topic.queue)

    @property
    def queued_bytes(self) -> int:
        """How many bytes they took on the way here."""
        return self._waiting.bytes + self._topic.queue.bytes

    async def stop(self) -> None:
        """Let what is in flight finish, then make `run` return."""
        self._stopping = True
        self._wake()

    async def run(self) -> None:
        """Own the partition until `stop`; claims again after every trouble, quarantined after three fatal ones."""
        try:
            while not self._stopping:
                try:
                    await self._take()
                    if self.phase == "leading":
                        await self._lead()
                except (Fenced, PortError) as error:
                    self._watch.trouble(self.where, error)
                    await asyncio.sleep(self._entropy.pause_s(*self._settings.retry_pause_s))
                except Exception as error:
                    self._watch.trouble(self.where, error)
                    self._failures += 1 if not isinstance(error, OwnerError) or error.fatal else 0
                    self._take_back()
                    if not isinstance(
                        error, OwnerError
                    ):  # what was read is in doubt; otherwise it is the yardstick
                        self.reader = PartitionReader(self.where, self._vocabulary, self._settings.max_level)
                    if self._failures >= self._settings.quarantine_after:
                        await self._quarantine(error)
                    else:
                        await asyncio.sleep(self._entropy.pause_s(*self._settings.retry_pause_s))
                finally:
                    await self._close_writer()
        finally:
            self._enter("stopped" if self.phase != "quarantined" else "quarantined")
            self._take_back()
            self._refuse_all("NOT_OWNER", f"{self.where} is no longer owned here.")

    # ── take over ───────────────────────────────────────────────────────────────────────────────────────────

    async def _take(self) -> None:
        self._enter("catching up")
        self._take_back()
        self._check_clock()
        reader, settings = self.reader, self._settings
        mine = None if reader.head.claim is None else reader.head.claim.owner
        self._writer = await self._ports.writer()
        await open_log(self._ports, self._writer, reader, settings, self._clock)
        last = reader.head.claim
        if mine is not None and last is not None and last.owner != mine:
            self._watch.fenced(self.where, last)
            await asyncio.sleep(self._entropy.pause_s(*settings.claim_pause_s))
            await catch_up(self._ports, reader)
        if self._stopping:  # a claim now would only fence whoever owns it next
            return
        self._enter("claiming")
        try:
            appended = await claim(self._ports, self._writer, reader, settings, self._entropy, self._clock)
        except ClockSkew as found:
            self._skew = Skew(found.skew_ms, self._clock, settings.skew_pause_ms)
            raise
        await check_commands(self._ports, reader)
        now = self._clock.monotonic_ms()
        reader.state.restore()
        self._lease = LeaseClock(reader.state.lease_ms, now)
        self._mark = WallMark(reader.state.mark_ms, appended.timestamp_ms, now)
        self._last_commit_ms = now
        self._trouble = None
        self._enter("leading")

    def _check_clock(self) -> None:
        """Claim nothing, so fence nobody, while the clocks are known to be too far apart. Raises `ClockSkew`."""
        skew_ms = None if self._skew is None else self._skew.now_ms(self._clock)
        if skew_ms is not None and abs(skew_ms) > self._settings.max_skew_ms:
            raise ClockSkew(self.where, skew_ms)
        self._skew = None

    def _take_back(self) -> None:
        """Drop the speculative state; what it would have answered waits for its decision again."""
        state = self.reader.state
        state.undo.back_to(0)
        state.undo.recording = False
        begun = [*self._in_flight, *([self._open] if self._open is not None else [])]
        again = [pending for batch in begun for pending in batch.commands if pending.lane != "TOPIC"]
        self._in_flight.clear()
        self._open = None
        self._riding = self._riding_bytes = 0
        self._activate = None
        self._waiting.put_back(again)

    async def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    async def _quarantine(self, error: Exception) -> None:
        self._enter("quarantined")
        self._watch.quarantined(self.where, error)
        self._refuse_all("PARTITION_CLOSED", f"{self.where} is quarantined: {error}")
        while not self._stopping:
            await self._wait(None)

    # ── decide ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _lead(self) -> None:
        self.reader.state.undo.recording = True
        self._topic.queue.clear()  # now: the task starts later, and what an earlier ownership read ahead is stale
        topic = asyncio.create_task(self._topic.run(self.reader.head.last_source + 1))
        topic.add_done_callback(self._topic_ended)
        try:
            while True:
                if self._trouble is not None:
                    raise self._trouble
                if self._stopping and not self._in_flight:
                    return
                self._blocked = self._stopping or self._is_laden()
                if self._blocked:
                    await self._wait(self._settings.tick_ms)
                    continue
                before = self._to_do()
                if (batch := self._build()) is not None:
                    await self._send(batch)
                elif self._to_do() != before:  # there was nothing to log, but there may be behind it
                    await asyncio.sleep(0)
                else:
                    await self._wait(self._patience_ms())
        finally:
            # what it says from here on concerns no later ownership
            topic.remove_done_callback(self._topic_ended)
            topic.cancel()
            self._take_back()
            self._send_waiters_back()

    def _to_do(self) -> tuple[int, object]:
        return self.queued, self.reader.state.next_ending()

    def _is_laden(self) -> bool:
        settings = self._settings
        if len(self._in_flight) >= settings.max_in_flight:
            return True
        laden = self._riding >= settings.max_queued or self._riding_bytes >= settings.max_queued_bytes
        return laden and bool(self._in_flight)

    def _build(self) -> Batch | None:
        now = self._clock.monotonic_ms()
        lease_ms = self._lease.advance(now, self._in_flight[0].sent_ms if self._in_flight else None)
        reader, state = self.reader, self.reader.state
        due = state.next_deadline()
        overdue = due is not None and due <= lease_ms
        idle = due is not None and now - self._last_commit_ms >= self._settings.idle_commit_ms
        activate = self._activate is not None and not self._in_flight
        gathered = [] if activate else self._waiting.gather.due(now)
        timers = overdue or state.next_ending() is not None
        if not (self._waiting.queue or self._topic.queue or timers or idle or gathered or activate):
            return None
        head = self._in_flight[-1].head if self._in_flight else reader.head
        self._open = batch = Batch(self._vocabulary, state, head, lease_ms, self._mark.at(now))
        batch.sent_ms = now
        if activate and (level := self._activate) is not None:
            self._activate = None
            if batch.seal_feature(level):
                return batch
        first = self._settings.first_commit
        batch.timers.run(MOST if self._in_flight else first)
        for group in gathered:
            if not batch.coalesce(group, self._vocabulary.specs[type(group[0].command)]):
                for pending in group:
                    self._waiting.gather.add(pending, now)
        self._fill(batch)
        batch.timers.end_sessions(first)  # of what has just ended, the first keys at once
        for failure in batch.failures:
            self._watch.failed(self.where, failure)
        if batch.empty and not idle:
            batch.take_back()
            self._answer_without_commit(batch)
            self._open = None
            return None
        batch.seal()
        self._last_commit_ms = now
        return batch

    def _fill(self, batch: Batch) -> None:
        """Decide what waits. On an idle log the first commit is short: its answers go out while more is decided."""
        topic, direct = self._topic.queue, self._waiting.queue
        room = MAX_DECISIONS if self._in_flight else len(batch.decisions) + self._settings.first_commit
        while (topic or direct) and not batch.full and len(batch.decisions) < room:
            for lane in (topic, direct):
                if lane and not batch.full:
                    pending = lane.popleft()
                    if not batch.add(pending):
                        lane.appendleft(pending)
        self._topic.drained()

    async def _send(self, batch: Batch) -> None:
        assert self._writer is not None
        self._in_flight.append(batch)
        self._open = None
        self._riding = self._riding_bytes = 0
        future = await self._writer.append(batch.record)
        future.add_done_callback(lambda done: self._acked(batch, done))

    def _acked(self, batch: Batch, done: "asyncio.Future[Appended]") -> None:
        error = None if done.cancelled() else done.exception()
        if self._trouble is not None or batch not in self._in_flight:
            return
        if done.cancelled() or error is not None:
            self._fail(error if isinstance(error, Exception) else AppendUnknown(f"append failed: {error!r}"))
            return
        offset, expected = done.result().offset, self.reader.next_offset
        if offset != expected or self._in_flight[0] is not batch:
            self._fail(
                Fenced(self.where, f"a commit landed at {offset} instead of {expected}: somebody else wrote.")
            )
            return
        self._in_flight.popleft()
        self._failures = 0
        self.reader.head = batch.head
        self.reader.next_offset = offset + 1
        self.reader.last = batch.record
        self.reader.state.undo.forget(batch.steps)
        deliver(self._directory, self.where, offset, batch)
        self._watch.accepted(self.where, batch, self._clock.monotonic_ms() - batch.sent_ms)
        if self._blocked or self._activate is not None:
            self._wake()

    def _answer_without_commit(self, batch: Batch) -> None:
        """Repeats change nothing, but they may repeat what is still in flight: they wait for it."""
        if self._in_flight:
            self._in_flight[-1].deliveries.extend(batch.deliveries)
            self._in_flight[-1].undecided.extend(batch.undecided)
            self._in_flight[-1].commands.extend(batch.commands)
            self._riding += len(batch.commands)
            self._riding_bytes += sum(pending.size for pending in batch.commands) + batch.attached_bytes
        else:
            batch.lease_ms = self.reader.state.lease_ms
            deliver(self._directory, self.where, self.reader.next_offset - 1, batch)

    # ── small things ────────────────────────────────────────────────────────────────────────────────────────

    def _patience_ms(self) -> int | None:
        waits = []
        due = self.reader.state.next_deadline()
        if due is not None:
            waits.append(min(max(due - self._lease.now_ms, 1), self._settings.tick_ms))
        gather = self._waiting.gather.next_ms(self._clock.monotonic_ms())
        if gather is not None:
            waits.append(max(gather, 1))
        return min(waits) if waits else None

    async def _wait(self, timeout_ms: int | None) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None if timeout_ms is None else loop.call_later(timeout_ms / 1000, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._trouble = error
        self._wake()

    def _topic_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and self._trouble is None:
            self._fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._watch.phase(self.where, phase, self.reader)

    def _refuse(self, pending: Pending, code: str, message: str, retry_after_ms: int | None) -> None:
        if pending.reply_to is not None:
            pending.reply_to.refuse(
                self._refusal(pending.meta.sequence, code, message, code == "NOT_OWNER", retry_after_ms)
            )

    def _refuse_all(self, code: str, message: str) -> None:
        for pending in self._waiting.take_all():
            self._refuse(pending, code, message, 100)

    def _send_waiters_back(self) -> None:
        """Have connected clients repeat their open waits: others may settle them, where no push reaches this worker."""
        code = "NOT_OWNER" if self._stopping else "CLAIMING"
        message = f"The ownership of {self.where} ended while this command waits. Send it again."
        for connection, sequence in open_waits(self._directory, self.reader.state.answers):
            connection.refuse(self._refusal(sequence, code, message, self._stopping, 100))

    def _refusal(
        self, sequence: int, code: str, message: str, redirect: bool, retry_after_ms: int | None
    ) -> Refused:
        where = self.where
        address = self._directory.address_of(where) if redirect else None
        return Refused(sequence, code, message, where.kind, where.partition, address, retry_after_ms)
