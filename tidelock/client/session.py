"""The commands of one client: numbered, sent, answered once. Tries again until an answer or the deadline.

A command is sent again, unchanged but for its floor, after a refusal (which is no answer) and after the loss
of its connection; the owner's deduplication makes that harmless. A command that waits is sent again likewise:
its answer is its latest outcome, so no push is lost.
"""

import asyncio
import random
import secrets
from collections.abc import Callable

from schemas.varints import write_varint
from streams.catalog import KINDS
from streams.domain.decider import Rejected
from streams.wire.keys import key_of
from streams.wire.messages import Answer, Answers, Barrier, Refused, Welcome
from streams.wire.murmur2 import partition_of
from tidelock.client.clock import Clock
from tidelock.client.codec import KindCodec, MetaWriter, codec_of
from tidelock.client.errors import (
    BadArgument,
    ClientClosed,
    NotAuthenticated,
    TidelockError,
)
from tidelock.client.link import Link
from tidelock.client.partition import Partition
from tidelock.client.pending import DONE, QUEUED, SENT, WAITING, Outcome, Pending
from tidelock.client.rejections import OF_UNKNOWN_OUTCOME, REFUSALS, WITHOUT_COMMIT, refusal_error
from tidelock.client.router import Router
from tidelock.client.settings import Settings
from tidelock.client.sweeper import Sweeper, too_late, unknown
from tidelock.client.wheel import Wheel

MAX_COMMAND_BYTES = 400 * 1024
RETRY_SLOT_S = 0.005
WAIT_GRACE_S = 60.0
"""So much longer than asked a wait may take (lease time stretches) before it is given up."""
UNDECIDED = frozenset({"OVERLOADED", "CLAIMING"})
"""Refusals at the door: nothing was decided. An owner that lost its partition refuses what it had begun, too."""
MAX_STRIKES = 5
"""So often may the server hang up on a connection with complaint before its open commands are given up."""


class Session:
    """All commands of one client that are not done."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.id = settings.client_id or secrets.token_hex(8)
        self.settings = settings
        self.clock = clock
        self.tenant = ""
        self._codecs = {spec.name: codec_of(spec) for spec in KINDS}
        self._meta = MetaWriter("", self.id)
        self._pending: dict[int, Pending] = {}
        self._next = settings.first_sequence
        self._raises_floor = settings.first_sequence == 1
        self._floor = 1
        self._handles = 0
        self._idle: asyncio.Future[None] | None = None
        self.closed = False
        self._retries: Wheel[Pending] = Wheel(clock, RETRY_SLOT_S, self._retry)
        self.router = Router(settings, self.id, clock, self)
        self._sweeper = Sweeper(settings, clock, self)

    async def start(self) -> Welcome:
        """Connect to the first worker that answers. Raises `NotAuthenticated`."""
        welcome = await self.router.first()
        self.tenant = welcome.tenant
        self._meta = MetaWriter(welcome.tenant, self.id)
        return welcome

    # -- from callers ----------------------------------------------------------------------------------------

    def new_handle(self) -> str:
        """Return a handle that this client never used."""
        self._handles += 1
        return str(self._handles)

    def partition_of(self, kind: str, name: str) -> Partition:
        """Return the partition that decides on `name`."""
        partitions = self._partitions(kind)
        return partitions[partition_of(key_of(self.tenant, name), len(partitions))]

    def partition(self, kind: str, number: int) -> Partition:
        """Return a partition by number. Raises `BadArgument`."""
        partitions = self._partitions(kind)
        if not 0 <= number < len(partitions):
            raise BadArgument(f"Kind {kind} has no partition {number}, only 0 to {len(partitions) - 1}.")
        return partitions[number]

    def _partitions(self, kind: str) -> list[Partition]:
        try:
            return self.router.kinds[kind]
        except KeyError:
            served = ", ".join(sorted(self.router.kinds)) or "none"
            raise BadArgument(f"The workers serve no kind {kind!r}, only: {served}.") from None

    def codec(self, kind: str) -> KindCodec:
        """Return the codec of a kind. Raises `BadArgument`."""
        try:
            return self._codecs[kind]
        except KeyError:
            raise BadArgument(
                f"This release knows no kind {kind!r}, only: {', '.join(self._codecs)}."
            ) from None

    def submit(
        self,
        partition: Partition,
        command: object,
        handle: str = "",
        timeout_s: float | None = None,
        *,
        on_done: Callable[[Outcome], None] | None = None,
        traceparent: str | None = None,
        session: str | None = None,
    ) -> Pending:
        """Number the command and send it as soon as there is room. Never blocks. Raises `BadArgument`."""
        if self.closed:
            raise ClientClosed("The client is closed. Open another one.")
        timeout_s = self.settings.timeout_s if timeout_s is None else timeout_s
        codec = self._codecs[partition.kind]
        header, body = codec.write(command)
        now = self.clock.now()
        issued_ms = partition.wall_ms(now)
        sequence = self._next
        deadline_ms = issued_ms + int(timeout_s * 1000)
        tail = (
            self._meta.write(
                sequence, handle, issued_ms, deadline_ms, traceparent=traceparent, session=session
            )
            + body
        )
        if len(tail) > MAX_COMMAND_BYTES:
            raise BadArgument(
                f"The command has {len(tail)} bytes, the limit is {MAX_COMMAND_BYTES}. Split it."
            )
        self._next = sequence + 1
        pending = Pending(
            partition,
            sequence,
            header,
            tail,
            deadline_s=now + timeout_s,
            on_done=on_done,
            decode=codec.decode_reply,
        )
        self._pending[sequence] = pending
        self._sweeper.expect(pending.deadline_s, now)
        self.router.dispatch(pending)
        return pending

    async def outcome(self, pending: Pending, keep: bool = False) -> Outcome:
        """Return the final outcome. If the caller is cancelled, the command is given up, unless `keep`."""
        if pending.phase is DONE:
            return pending.outcome
        pending.future = future = asyncio.get_running_loop().create_future()
        try:
            return await future
        except asyncio.CancelledError:
            if not keep:
                self.abandon(pending)
            raise

    def abandon(self, pending: Pending) -> None:
        """Never send the command again. What was sent of it may still be executed."""
        pending.abandoned = True
        if pending.phase is QUEUED:
            self._finish(pending, ClientClosed("given up"))

    def drop(self, pending: Pending) -> None:
        """Forget a command that was taken back."""
        self._finish(pending, ClientClosed("taken back"))

    def open_commands(self) -> tuple[Pending, ...]:
        """Return all commands that are not done, oldest first."""
        return tuple(self._pending.values())

    # -- from the router -------------------------------------------------------------------------------------

    def on_answers(self, link: Link, answers: Answers) -> None:
        """Settle the commands that are answered; learn the partition's time."""
        partition = self._partition_at(answers.kind, answers.partition)
        newest_s = float("-inf")
        open_commands = self._pending
        for answer in answers.answers:
            pending = open_commands.get(answer.sequence)
            if pending is None:
                continue  # a repeat
            here = pending.link is link
            if here and pending.phase is SENT:
                pending.phase = WAITING
                link.in_flight -= 1
            first, sent_s = not pending.answered, pending.first_sent_s
            pending.answered = decided = True
            if answer.waiting:
                pending.refusals = 0
                if here and not pending.waited:
                    pending.waited = True
                    pending.deadline_s = link.heard_s + pending.wait_s + WAIT_GRACE_S
            else:
                decided = self._answered(pending, answer, answers, link)
            if (
                first
                and decided
                and sent_s is not None
                and sent_s > newest_s
                and pending.partition is partition
            ):
                newest_s = sent_s
        link.fill()
        if partition is not None:
            self._learn(partition, answers, newest_s, link)
        self._raise_floor()

    def _raise_floor(self) -> None:
        floor = next(iter(self._pending), self._next)
        if floor != self._floor and self._raises_floor:
            self._floor = floor
            self.router.floor_bytes = write_varint(floor << 1)

    def _partition_at(self, kind: str, number: int) -> Partition | None:
        """Return the partition that answers; None if the command was refused before it reached one."""
        partitions = self.router.kinds.get(kind, ())
        return partitions[number] if 0 <= number < len(partitions) else None

    def _learn(self, partition: Partition, answers: Answers, newest_s: float, link: Link) -> None:
        partition.heard_s = link.heard_s
        partition.saw_mark(answers.mark_ms, link.heard_s)
        if newest_s > 0:
            partition.saw_lease_time(answers.lease_ms, newest_s)
        if partition.address is None:
            partition.address = link.address

    def _answered(self, pending: Pending, answer: Answer, answers: Answers, link: Link) -> bool:
        """Settle the command; return whether the answer was decided, by a commit after the command was sent."""
        reply, decided = pending.decode(answer.reply), True
        if type(reply) is Rejected:
            decided = reply.code not in WITHOUT_COMMIT
            if reply.code == "DEADLINE_TOO_FAR" and self._renumbered(pending, answers, link):
                return False
            if reply.code in OF_UNKNOWN_OUTCOME:
                reply = unknown(f"it was answered {reply.code}")
        pending.offset = answers.offset
        if answer.payloads:
            pending.payloads = answer.payloads
        self._settle(pending, reply)
        return decided

    def _renumbered(self, pending: Pending, answers: Answers, link: Link) -> bool:
        """Ask once more by the time that the answer tells: ours was wrong, and nothing was decided.

        Under a new sequence: the refusal raised this client's floor above the one that was refused.
        """
        partition = pending.partition
        if self._partition_at(answers.kind, answers.partition) is not partition:
            return False
        partition.reset_mark(answers.mark_ms, link.heard_s)
        now = self.clock.now()
        if pending.renumbered or pending.abandoned or pending.deadline_s <= now:
            return False
        del self._pending[pending.sequence]
        if pending.phase is SENT and pending.link is not None and pending.link.is_open:
            pending.link.settled()
        codec = self._codecs[partition.kind]
        record = pending.head + self.router.floor_bytes + pending.tail
        issued_ms = partition.wall_ms(now)
        deadline_ms = issued_ms + int((pending.deadline_s - now) * 1000)
        sequence, self._next = self._next, self._next + 1
        pending.renumber(sequence, codec.rewrite(record, self._meta, sequence, issued_ms, deadline_ms))
        self._pending[sequence] = pending
        if pending.phase is not QUEUED:
            pending.phase = QUEUED
            self.router.dispatch(pending)
        return True

    def on_refused(self, link: Link, refused: Refused) -> None:
        """Try again, at the address the refusal names or after the pause it asks for.

        A command that waits may be refused too: its partition has another owner now.
        """
        pending = self._pending.get(refused.sequence)
        if pending is None or pending.phase not in (SENT, WAITING) or pending.link is not link:
            return
        if pending.phase is SENT:
            link.settled()
        pending.phase = QUEUED
        if pending.abandoned or refused.code in REFUSALS:
            self._finish(pending, refusal_error(refused))
            return
        pending.refusal = refused
        pending.refusals += 1
        pending.uncertain |= refused.code not in UNDECIDED
        if refused.address is not None:
            self._move(pending.partition, refused.address)
            if refused.address != link.address and pending.refusals < 3:
                self.router.dispatch(pending)
                return
        pause_s = min(1.0, 0.01 * 2 ** min(pending.refusals, 8))
        if refused.retry_after_ms is not None:
            pause_s = max(pause_s, refused.retry_after_ms / 1000)
        self._retries.add(pending, self.clock.now() + random.uniform(pause_s, 1.5 * pause_s))  # noqa: S311

    def _move(self, partition: Partition, address: str) -> None:
        """Learn that `partition` is owned at `address`; open waits go there, or their outcome would miss us."""
        if partition.address == address:
            return
        partition.address = address
        for pending in list(self._pending.values()):
            link = pending.link
            if (
                pending.partition is partition
                and pending.phase is WAITING
                and not pending.abandoned
                and link is not None
                and link.address != address
            ):
                pending.phase = QUEUED
                self.router.dispatch(pending)

    def _retry(self, pending: Pending) -> None:
        if pending.phase is QUEUED:
            self.router.dispatch(pending)

    def on_lost(self, link: Link, why: TidelockError) -> list[Pending]:
        """Return the commands that were on their way over `link` or wait for a push from it."""
        complaint = isinstance(why, BadArgument)
        again = []
        for pending in list(self._pending.values()):
            if pending.link is not link or pending.phase not in (SENT, WAITING):
                continue
            pending.strikes += complaint and pending.phase is SENT
            pending.uncertain = True
            pending.phase = QUEUED
            pending.link = None
            if pending.abandoned or pending.strikes >= MAX_STRIKES:
                self._finish(pending, why)
            else:
                again.append(pending)
        return again

    def on_unwelcome(self, why: NotAuthenticated) -> None:
        """Fail what is open: no worker takes this token."""
        for pending in list(self._pending.values()):
            self._finish(pending, why)

    # -- endings ---------------------------------------------------------------------------------------------

    def _finish(self, pending: Pending, outcome: Outcome) -> None:
        self._settle(pending, outcome)
        self._raise_floor()

    def _settle(self, pending: Pending, outcome: Outcome) -> None:
        if self._pending.pop(pending.sequence, None) is None:
            return
        if pending.phase is SENT and pending.link is not None and pending.link.is_open:
            pending.link.settled()
        if pending.refusals:
            self._retries.remove(pending)
        pending.settle(outcome)
        if not self._pending and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    @property
    def links(self) -> tuple[Link, ...]:
        """All workers that were ever heard of."""
        return self.router.links

    def give_up(self, pending: Pending) -> None:
        """The command's deadline has passed."""
        self._finish(pending, too_late(pending))

    def probe(self, partition: Partition) -> None:
        """Ask for a sign of life where only pushes are awaited: the owner may have hung, or be another one."""
        partition.probed = True

        def done(_: Outcome) -> None:
            partition.probed = False

        self.submit(partition, Barrier(partition.kind, partition.number), on_done=done)

    async def drain(self, timeout_s: float) -> None:
        """Return when no command is open any more, or after `timeout_s`."""
        if not self._pending:
            return
        self._idle = asyncio.get_running_loop().create_future()
        timer = self.clock.call_at(self.clock.now() + timeout_s, self._idle_over)
        try:
            await self._idle
        finally:
            timer.cancel()

    def _idle_over(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    async def close(self) -> None:
        """Close the connections; what is open fails."""
        self.closed = True
        self._sweeper.close()
        self._retries.clear()
        await self.router.close()
        for pending in list(self._pending.values()):
            if pending.uncertain or pending.phase is SENT:
                self._finish(pending, unknown("the client was closed before the answer came"))
            else:
                self._finish(pending, ClientClosed("The client was closed before this command was answered."))
