"""The commands of one client: numbered, sent, answered once. Tries again until an answer or the deadline.

Which are open is the `Ledger`'s, what answers do the `Reception`'s, what is sent again the `Retries`', and where
to the `Router`'s. A command that waits is sent again likewise: its answer is its latest outcome, so no push is lost.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence

from schemas.errors import InvalidValue
from streams.wire.keys import key_of
from streams.wire.messages import Answers, Barrier, Refused, Told
from streams.wire.murmur2 import partition_of
from tidelock.client.clock import Clock
from tidelock.client.cluster import Cluster
from tidelock.client.codec import KindCodec, MetaWriter, codec_of
from tidelock.client.endings import client_closed, too_late
from tidelock.client.errors import BadArgument, ClientClosed, NotAuthenticated, TidelockError
from tidelock.client.ledger import Ledger
from tidelock.client.link import Link
from tidelock.client.membership import Membership
from tidelock.client.partition import Partition
from tidelock.client.pending import DONE, QUEUED, Outcome, Pending
from tidelock.client.reception import Reception
from tidelock.client.retries import Retries
from tidelock.client.router import Router
from tidelock.client.settings import Settings
from tidelock.client.sweeper import Sweeper

MAX_COMMAND_BYTES = 400 * 1024


class Session:
    """All commands of one client that are not done."""

    cluster: Cluster
    """Known once `start` has returned, as all that follows from it; before that nothing can be submitted."""
    _meta: MetaWriter
    _reception: Reception | None = None

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.id = settings.client_id or secrets.token_hex(8)
        self.settings = settings
        self.clock = clock
        self.closing = self.closed = False
        """Only what undoes or gives back is taken; nothing is."""
        self.member: Membership | None = None
        """What every command carries that names no session itself."""
        self.away: Callable[[], TidelockError] | None = None
        """Why nothing is taken between two sessions of the client's node."""
        self._handles = 0
        self._codecs = {spec.name: codec_of(spec) for spec in settings.kinds}
        self._ledger = Ledger(settings.first_sequence, clock)
        self._retries = Retries(self._ledger, clock, self._dispatch)
        self.router = Router(settings, self.id, clock, self, self._ledger)
        self._sweeper = Sweeper(settings, clock, self)

    async def start(self) -> None:
        """Connect to the first worker that answers. Raises `NotAuthenticated`."""
        cluster = self.cluster = await self.router.first()
        meta = self._meta = MetaWriter(cluster.tenant, self.id)
        self._reception = Reception(
            self._ledger, self._codecs, self.clock, self._dispatch, cluster, meta, self._learn
        )

    @property
    def is_started(self) -> bool:
        """Whether `start` has returned."""
        return self._reception is not None

    # -- from callers ----------------------------------------------------------------------------------------

    def new_handle(self) -> str:
        """Return a handle that this client never used."""
        self._handles += 1
        return str(self._handles)

    def partition_of(self, kind: str, name: str) -> Partition:
        """Return the partition that decides on `name`. Raises `BadArgument`."""
        partitions = self.partitions(kind)
        if not isinstance(name, str):
            raise BadArgument(f"{name!r:.100} is no name. Give text.")
        try:
            return partitions[partition_of(key_of(self.cluster.tenant, name), len(partitions))]
        except UnicodeEncodeError:
            raise BadArgument(f"{name!r:.100} is no name: it cannot be written as UTF-8.") from None

    def partition(self, kind: str, number: int) -> Partition:
        """Return a partition by number. Raises `BadArgument`."""
        partitions = self.partitions(kind)
        if not 0 <= number < len(partitions):
            raise BadArgument(f"Kind {kind} has no partition {number}, only 0 to {len(partitions) - 1}.")
        return partitions[number]

    def partitions(self, kind: str) -> Sequence[Partition]:
        """Return the partitions of `kind`, in order. Raises `BadArgument`."""
        try:
            return self.cluster.kinds[kind]
        except KeyError:
            served = ", ".join(sorted(self.cluster.kinds)) or "none"
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
        while_closing: bool = False,
    ) -> Pending:
        """Number the command and send it as soon as there is room. Never blocks. Raises `BadArgument`.

        `session`: None: that of this client's node, if it is one (between two sessions `SessionEnded` is raised); '':
        none. `while_closing`: it undoes or gives back, so it is taken until the client is closed.
        """
        if self.closing and (self.closed or not while_closing):
            raise ClientClosed("The client is closed. Open another one.")
        member = None
        if session is None:
            member = self.member
            if member is not None:
                session = member.session
            elif self.away is not None and not while_closing:
                raise self.away()
        if timeout_s is None:
            timeout_s = self.settings.timeout_s
        ledger = self._ledger
        codec = self._codecs[partition.kind]
        try:
            header, body = codec.write(command)
        except InvalidValue as error:
            raise BadArgument(f"{type(command).__name__} cannot be sent: {error}") from None
        now = self.clock.now()
        issued_ms = partition.wall_ms(now)
        deadline_ms = issued_ms + int(timeout_s * 1000)
        sequence = ledger.next_sequence
        try:
            tail = (
                self._meta.write(sequence, handle, issued_ms, deadline_ms, traceparent, session or None)
                + body
            )
        except (UnicodeEncodeError, AttributeError):
            raise BadArgument(
                f"The handle {handle!r:.100} is no text that can be written as UTF-8."
            ) from None
        if len(tail) > MAX_COMMAND_BYTES:
            raise BadArgument(
                f"The command has {len(tail)} bytes, the limit is {MAX_COMMAND_BYTES}. Split it."
            )
        ledger.next_sequence = sequence + 1
        deadline_s = now + timeout_s
        pending = Pending(partition, sequence, header, tail, deadline_s, on_done, codec.decode_reply)
        pending.member = member
        ledger.open[sequence] = pending
        if deadline_s < self._sweeper.at_s:
            self._sweeper.expect(deadline_s, now)
        self.router.dispatch(pending, now)
        return pending

    def tell(self, partition: Partition, told: Told) -> bool:
        """Tell the partition's owner what no command comes of; say whether it could be sent, now."""
        return self.router.tell(partition, told)

    def _dispatch(self, pending: Pending) -> None:
        self.router.dispatch(pending)

    async def outcome(self, pending: Pending, keep: bool = False) -> Outcome:
        """Return the final outcome. If the caller is cancelled, the command is given up, unless `keep`."""
        if pending.phase is DONE:
            return pending.outcome
        try:
            return await pending.result()
        except asyncio.CancelledError:
            if not keep:
                self.abandon(pending)
            raise

    def abandon(self, pending: Pending) -> None:
        """Never send the command again. What was sent of it may still be executed."""
        pending.abandoned = True
        if pending.phase is QUEUED:
            self._ledger.finish(pending, ClientClosed("given up"))

    def drop(self, pending: Pending) -> None:
        """Forget a command that was taken back."""
        self._ledger.finish(pending, ClientClosed("taken back"))

    def open_commands(self) -> tuple[Pending, ...]:
        """Return all commands that are not done, oldest first."""
        return tuple(self._ledger.open.values())

    def _learn(self, partition: Partition, answers: Answers, newest_s: float, link: Link) -> None:
        """Learn the partition's time. `newest_s`: when a command that this frame answers first was first sent."""
        partition.heard_s = link.heard_s
        partition.saw_mark(answers.mark_ms, link.heard_s)
        if newest_s > 0:
            partition.saw_lease_time(answers.lease_ms, newest_s)
        if partition.address is None:
            partition.address = link.address

    # -- from the router -------------------------------------------------------------------------------------

    def on_answers(self, link: Link, answers: Answers) -> None:
        """Settle what is answered. Before `start` has returned nothing is open, whatever is pushed."""
        if self._reception is not None:
            self._reception.on_answers(link, answers)

    def on_refused(self, link: Link, refused: Refused) -> None:
        """Try again, or end the command."""
        self._retries.on_refused(link, refused)

    def on_lost(self, link: Link, why: TidelockError) -> list[Pending]:
        """Return the commands that were on their way over `link` or wait for a push from it."""
        return self._retries.on_lost(link, why)

    def on_unwelcome(self, why: NotAuthenticated) -> None:
        """Fail what is open: no worker takes this token."""
        for pending in self.open_commands():
            self._ledger.finish(pending, why)

    # -- from the sweeper ------------------------------------------------------------------------------------

    @property
    def links(self) -> tuple[Link, ...]:
        """The workers that are known."""
        return self.router.links

    def give_up(self, pending: Pending) -> None:
        """The command's deadline has passed."""
        self._ledger.finish(pending, too_late(pending))

    def probe(self, partition: Partition) -> None:
        """Ask for a sign of life where only pushes are awaited: the owner may have hung, or be another one."""
        partition.probed = True

        def done(_: Outcome) -> None:
            partition.probed = False

        self.submit(partition, Barrier(partition.kind, partition.number), on_done=done, while_closing=True)

    # -- the end ---------------------------------------------------------------------------------------------

    async def drain(self, timeout_s: float) -> None:
        """Return when no command is open any more, or after `timeout_s`."""
        await self._ledger.drain(timeout_s)

    async def close(self) -> None:
        """Close the connections; what is open fails."""
        self.closing = self.closed = True
        self._sweeper.close()
        self._retries.close()
        await self.router.close()
        for pending in self.open_commands():
            self._ledger.finish(pending, client_closed(pending))
