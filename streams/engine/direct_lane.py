"""The direct lane: framed Avro over TCP, pipelined, one connection a client.

A connection says hello first, then sends commands; answers and pushes come back when their commit is accepted.
Nothing here decides: it decodes, finds the owner, and writes what owners hand back.
"""

import asyncio
from functools import lru_cache
from time import monotonic
from typing import Protocol, cast

from schemas.errors import SchemaError
from schemas.messages import Messages, bind, type_name
from streams.domain.decider import Rejected
from streams.engine.intake import CommandTooLarge, take_in
from streams.engine.outbox import Identity
from streams.engine.pending import Pending
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.answers import answers_prefix, answers_record, split_answers
from streams.wire.frames import MAX_FRAME_BYTES, PROTOCOL, UNDERSTOOD, FrameSplitter, FrameTooLarge, frame
from streams.wire.messages import NO_COMMIT, Answer, Answers, Hello, KindInfo, Refused, Route, Told, Welcome

FRAMES: Messages = bind("wire", (Hello, Welcome, Answers, Refused, Told)).ready()
_TOLD = "tidelock.wire.Told"
LADEN_BYTES = 8 * 1024 * 1024
"""So many bytes of answers may wait for a peer to read them; beyond it none of its commands are read."""
MAX_UNSENT_BYTES = 64 * 1024 * 1024
"""Beyond it, or after `SLOW_S` beyond `LADEN_BYTES`, the peer is hung up on."""
SLOW_S = 30.0
MAX_HELLO_BYTES = 16 * 1024
"""The largest frame of somebody who has not said who it is."""
HELLO_TIMEOUT_S = 5.0
FAREWELL_S = 5.0
"""How long a peer may take to read why it is hung up on."""


class Service(Protocol):
    """What a connection needs of its worker."""

    worker: str
    max_in_flight: int

    def authenticate(self, token: str) -> Identity | None:
        """Return who the token speaks for, or None."""

    def connected(self, connection: "Connection") -> None:
        """A client said hello."""

    def disconnected(self, connection: "Connection") -> None:
        """Its connection ended."""

    def vocabulary_of(self, record: bytes) -> tuple[Vocabulary, int] | None:
        """Return the vocabulary and partition count of an encoded command's kind. Raises `SchemaError`."""

    def submit(self, where: PartitionId, pending: Pending) -> None:
        """Hand a command to its partition's owner, or refuse it."""

    def told(self, tenant: str, told: Told) -> None:
        """Count what a client did by itself."""

    def kinds(self) -> tuple[KindInfo, ...]:
        """Return the kinds and their partition counts."""

    def routes(self) -> tuple[Route, ...]:
        """Return where each partition's owner listens, as far as known."""

    def mark_ms(self) -> int:
        """Return the wall mark a client may count from."""


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, service: Service) -> None:
        self.client = ""
        self.identity: Identity | None = None
        self._service = service
        self._splitter = FrameSplitter(MAX_HELLO_BYTES)
        self._transport: asyncio.Transport | None = None
        self._arrived_s = 0.0
        """When the bytes came that are being taken."""
        self._open: set[int] = set()
        """Sequences under way; a push of an earlier wait is none of them."""
        self._impatience: asyncio.TimerHandle | None = None
        """Fires when the peer has taken too long: to say hello, or to read."""

    # ── asyncio.Protocol ────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the hello."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=LADEN_BYTES)
        self._impatience = asyncio.get_running_loop().call_later(HELLO_TIMEOUT_S, self._no_hello)

    def pause_writing(self) -> None:
        """Read no more commands until the peer has read answers."""
        if self._transport is not None:
            self._transport.pause_reading()
            self._be_patient()
            self._impatience = asyncio.get_running_loop().call_later(SLOW_S, self._transport.abort)

    def resume_writing(self) -> None:
        """Go on: it has."""
        self._be_patient()
        if self._transport is not None:
            self._transport.resume_reading()

    def _be_patient(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection; commands on their way are decided all the same."""
        self._be_patient()
        self._transport = None
        if self.identity is not None:
            self._service.disconnected(self)

    def data_received(self, data: bytes) -> None:
        """Take the commands that `data` completes."""
        self._arrived_s = monotonic()
        try:
            for record in self._splitter.feed(data):
                if self.identity is None:
                    self._hello(record)
                else:
                    self._command(record)
                if self._transport is None:
                    return
        except FrameTooLarge as error:
            self._close(error.code, str(error))

    # ── streams.engine.ports.ReplyTo ────────────────────────────────────────────────────────────────────────

    def answer(
        self, where: PartitionId, offset: int, lease_ms: int, mark_ms: int, answers: list[Answer]
    ) -> None:
        """Send the answers of one accepted commit."""
        for answer in answers:
            self._open.discard(answer.sequence)
        prefix = _prefix(where, offset, lease_ms, mark_ms)
        for part in split_answers(answers):
            self._write(answers_record(prefix, part))

    def refuse(self, refused: Refused) -> None:
        """Say that nothing was decided, and what to do."""
        self._open.discard(refused.sequence)
        self._write(FRAMES.encode(refused))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────

    def _hello(self, record: bytes) -> None:
        service = self._service
        try:
            hello = FRAMES.decode(record)
        except SchemaError as error:
            self._close(error.code, f"The first frame must be a hello: {error}")
            return
        if not isinstance(hello, Hello):
            self._close("NO_HELLO", "The first frame must be a hello. Send tidelock.wire.Hello.")
        elif hello.protocol != PROTOCOL:
            self._close(
                "PROTOCOL",
                f"This worker speaks protocol {PROTOCOL}, not {hello.protocol}. Use a client of its release.",
            )
        elif not 0 < len(hello.client) <= 128:
            self._close("BAD_META", "hello.client must have 1 to 128 characters.")
        elif (identity := service.authenticate(hello.token)) is None:
            self._close("UNAUTHENTICATED", "The token is not valid here. Check TIDELOCK_TOKEN.")
        else:
            self.client, self.identity = hello.client, identity
            self._splitter.limit = MAX_FRAME_BYTES
            service.connected(self)
            self._be_patient()
            welcome = Welcome(
                UNDERSTOOD,
                service.worker,
                identity.tenant,
                identity.principal,
                service.kinds(),
                service.routes(),
                service.mark_ms(),
                service.max_in_flight,
            )
            self._write(FRAMES.encode(welcome))

    def _command(self, record: bytes) -> None:
        service, identity = self._service, self.identity
        assert identity is not None
        sequence = -1
        try:
            known = service.vocabulary_of(record)
            if known is None:
                self._other(record, identity)
                return
            vocabulary, partitions = known
            partition, pending = take_in(record, "DIRECT", vocabulary, partitions, identity, self)
            sequence, pending.arrived_s = pending.meta.sequence, self._arrived_s
        except (SchemaError, CommandTooLarge) as error:
            self._close(error.code, str(error))
            return
        self._open.add(sequence)
        where = PartitionId(vocabulary.kind.name, partition)
        if pending.meta.client != self.client:
            pending.refusal = Rejected(
                "BAD_META", f"meta.client is not '{self.client}', which said hello. Use one client id."
            )
            partition = -1
        if len(self._open) > service.max_in_flight:
            self.refuse(_overloaded(sequence, where))
        elif partition < 0 and pending.refusal is not None:
            reply = vocabulary.encode_reply(pending.refusal)
            self.answer(
                PartitionId(where.kind, -1), NO_COMMIT, 0, service.mark_ms(), [Answer(sequence, False, reply)]
            )
        else:
            service.submit(where, pending)

    def _other(self, record: bytes, identity: Identity) -> None:
        """Take what is known and no command."""
        name = type_name(record)
        if name == _TOLD:
            self._service.told(identity.tenant, FRAMES.decode(record))
        else:
            self._close("UNKNOWN_COMMAND", f"{name} is no command of this release.")

    def _write(self, record: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(frame(record))
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            transport.abort()

    def _close(self, code: str, message: str) -> None:
        """Say why, then hang up: what follows on this connection cannot be trusted."""
        self._write(FRAMES.encode(Refused(-1, code, message[:1000], "", -1, None, None)))
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
            asyncio.get_running_loop().call_later(FAREWELL_S, transport.abort)

    def _no_hello(self) -> None:
        self._close("NO_HELLO", f"No hello came within {HELLO_TIMEOUT_S:.0f} s.")


@lru_cache(maxsize=64)
def _prefix(where: PartitionId, offset: int, lease_ms: int, mark_ms: int) -> bytes:
    return answers_prefix(FRAMES, where.kind, where.partition, offset, lease_ms, mark_ms)


def _overloaded(sequence: int, where: PartitionId) -> Refused:
    return Refused(
        sequence,
        "OVERLOADED",
        "This connection has too many commands under way. Wait for answers before sending more.",
        where.kind,
        where.partition,
        None,
        50,
    )
