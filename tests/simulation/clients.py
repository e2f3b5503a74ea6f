"""Simulated clients: a small client library of their own that follows design sections 4 and 5, on a bad network.

A client resends what is not answered, repeats its open waits after reconnecting, counts "now" from the mark it was
told, trusts a lease until `b + 0.99 * (expiry - l)`, and never an instant longer.
"""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from schemas.messages import command_hash
from schemas.meta import CommandMeta
from streams.domain.decider import Rejected
from streams.engine.direct_lane import FRAMES
from streams.wire.frames import PROTOCOL, FrameSplitter, frame
from streams.wire.messages import Answers, Hello, Refused, Welcome
from tests.simulation.invariants import Sent
from tests.simulation.log import EPOCH_MS
from tests.simulation.loop import Process
from tests.simulation.network import PRINCIPAL, TENANT, TOKEN, Socket

if TYPE_CHECKING:
    from tests.simulation.partition import Partition


@dataclass(slots=True)
class Call:
    """One open command."""

    sequence: int
    command: Any
    frame: bytes
    first_sent_ms: float
    answer: "asyncio.Future[Any]"
    answered: bool = False
    waiting: bool = False
    repeat: bool = False
    """It waits, but this connection has not confirmed it."""


class Line(asyncio.Protocol):
    """The client's end of one connection."""

    def __init__(self, client: "Client", address: str) -> None:
        self.address = address
        self.socket: Socket | None = None
        self._client = client
        self._splitter = FrameSplitter()

    @property
    def open(self) -> bool:
        """Whether bytes may still flow."""
        return self.socket is not None and not self.socket.over

    def send(self, record: bytes) -> None:
        """Send one record."""
        if self.socket is not None:
            self.socket.write(frame(record))

    def data_received(self, data: bytes) -> None:
        for record in self._splitter.feed(data):
            if self.open:
                self._client.heard(FRAMES.decode(record))


class Client(ABC):
    """One running client, in its own process with its own clock."""

    def __init__(self, partition: "Partition", name: str, rate: float) -> None:
        self.partition = partition
        self.world = world = partition.world
        self.name = name
        self.random: Random = world.random
        self.process = Process(world.loop, name)
        self.open: dict[int, Call] = {}
        self.stopping = False
        self.replies = 0
        self._rate = rate
        self._sequence = 0
        self._handles = 0
        self._line: Line | None = None
        self._done: list[tuple[int, bytes]] = []
        self._pairs: list[tuple[float, int]] = []
        self._mark = (EPOCH_MS, 0.0)
        self._on_line: set[int] = set()
        """Sequences sent on this connection."""
        self._given_up: set[int] = set()
        self._impostors: set[int] = set()
        """Those among them that had been used, and answered, before: only refusals may answer them."""

    # ── clocks and trust ────────────────────────────────────────────────────────────────────────────────────

    def boot_ms(self) -> float:
        """Return this machine's CLOCK_BOOTTIME."""
        return self.world.loop.now * 1000 * self._rate

    def now_ms(self) -> int:
        """Return "now" as the client counts it: the mark of the last hello plus its own clock."""
        mark, at = self._mark
        return int(mark + self.boot_ms() - at)

    def until(self, expires_at: int) -> float:
        """Return until which true time (seconds) a lease may be trusted, by the best pair there is."""
        best = max(b + 0.99 * (expires_at - lease_ms) for b, lease_ms in self._pairs)
        return best / self._rate / 1000

    # ── commands ────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, handle: str, command: Any, sequence: int | None = None) -> Call:
        """Send a command; its call's future gets the final reply."""
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        frame = self.partition.vocabulary.encode_command(self._meta(handle, sequence), command)
        self.note(frame, sequence, command)
        call = Call(sequence, command, frame, self.boot_ms(), self.world.loop.create_future())
        self.open.setdefault(sequence, call)
        self._on_line.add(sequence)
        faults = self.world.faults
        if faults.p_topic_lane and self.random.random() < faults.p_topic_lane:
            self.partition.produce(frame)
            if self.random.random() < 0.5:
                return call
        self._send(frame)
        return call

    def note(self, frame: bytes, sequence: int, command: Any) -> None:
        """Tell the judge what is asked."""
        sent = Sent(command_hash(frame), command)
        self.partition.judge.sent.setdefault((PRINCIPAL, self.name, sequence), []).append(sent)

    def _meta(self, handle: str, sequence: int) -> CommandMeta:
        faults, random, now = self.world.faults, self.random, self.now_ms()
        deadline = now + 60_000
        if faults.p_odd_deadline and random.random() < faults.p_odd_deadline:
            deadline = now + random.choice((-1000, 20, 200, 1000, 3000, 5000))
        if faults.p_far_deadline and random.random() < faults.p_far_deadline:
            deadline = now + random.choice((601_000, 3_600_000))
        floor = min(self.open, default=sequence)
        return CommandMeta(min(floor, sequence), TENANT, self.name, sequence, handle, now, deadline)

    async def reply(self, call: Call, patience_s: float) -> Any:
        """Return the final reply, or None after `patience_s`; the call stays open until it is answered."""
        done, _ = await asyncio.wait((call.answer,), timeout=patience_s)
        return call.answer.result() if done else None

    # ── a life ──────────────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    async def live(self, handle: str) -> None:
        """Work until told to stop."""

    @abstractmethod
    def _impostor(self) -> Any:
        """Return a command that does no harm."""

    def _mischief(self, handle: str) -> None:
        faults, random = self.world.faults, self.random
        if faults.p_late_repeat and self._done and random.random() < faults.p_late_repeat * 3:
            sequence, frame = random.choice(self._done)
            if sequence in self._impostors:
                return
            self._on_line.add(sequence)
            if random.random() < 0.3 and faults.p_topic_lane:
                self.partition.produce(frame)
            else:
                self._send(frame)
        if faults.p_reused_sequence and self._sequence > 1 and random.random() < faults.p_reused_sequence * 2:
            sequence = random.randint(max(1, self._sequence - 5), self._sequence)
            if sequence not in self.open and sequence not in self._on_line | self._given_up:
                command = self._impostor()
                frame = self.partition.vocabulary.encode_command(self._meta(handle, sequence), command)
                self._impostors.add(sequence)
                self.note(frame, sequence, command)
                self._send(frame)

    # ── the connection ──────────────────────────────────────────────────────────────────────────────────────

    async def tend(self) -> None:
        """Resend what is unanswered, reconnect when nobody answers."""
        random = self.random
        silent = 0
        while True:
            before = self.replies
            await asyncio.sleep(0.25 + 0.5 * random.random())
            unanswered = [call for call in self.open.values() if not call.answered or call.repeat]
            silent = silent + 1 if unanswered and before == self.replies else 0
            if self._line is None or not self._line.open or silent > random.randint(1, 4):
                self.connect(self.world.guess(self.name))
                silent = 0
            else:
                for call in list(self.open.values()):
                    # A connection may have fallen silent: a wait that is repeated now and then finds out.
                    if self.world.lossy and random.random() < 0.2:
                        call.repeat = True
                    if not call.answered or call.repeat:
                        self._send(call.frame)

    def connect(self, address: str | None) -> None:
        """Connect to `address` and repeat everything open: unanswered commands and waits alike."""
        if self._line is not None and self._line.socket is not None:
            self._line.socket.abort()
        self._line = None if address is None else Line(self, address)
        if self._line is not None:
            self._line.socket = self.world.dial(self.process, self._line, address)
            self._line.send(FRAMES.encode(Hello(PROTOCOL, TOKEN, self.name)))
        self._on_line = set(self.open)
        self._impostors = set()
        for call in list(self.open.values()):
            call.repeat = True
            self._send(call.frame)

    def heard(self, message: object) -> None:
        """Take a frame of the newest connection."""
        if isinstance(message, Answers):
            self.answers(message)
        elif isinstance(message, Refused):
            self.refused(message)
        elif isinstance(message, Welcome) and message.mark_ms:
            self._mark = (message.mark_ms, self.boot_ms())

    def _send(self, frame: bytes) -> None:
        if self._line is not None and self._line.open:
            self._line.send(frame)
            if self.world.network.hit(self.world.faults.p_net_duplicate):
                self._line.send(frame)

    def refused(self, refused: Refused) -> None:
        """Nothing was decided; look for the owner where the refusal points, and ask again."""
        if refused.sequence < 0 and refused.code != "NO_HELLO":
            self.partition.judge.fail(f"{self.name} is hung up on: {refused}")
        call = self.open.get(refused.sequence)
        if call is None:
            return
        call.repeat = True
        if refused.code in {"NOT_OWNER", "PARTITION_CLOSED"}:
            current = None if self._line is None else self._line.address
            # Two former owners may point at each other for ever: now and then a client must ask somebody else.
            if refused.address not in {None, current} and self.random.random() < 0.7:
                self.connect(refused.address)
            elif self.random.random() < 0.5:
                self.connect(self.world.guess(self.name))

    def answers(self, answers: Answers) -> None:
        """Take answers and pushes."""
        decided = answers.decided
        for answer in answers.answers:
            call = self.open.get(answer.sequence)
            if answer.sequence in self._impostors:
                self.partition.judge.impostor(self.name, answer)
            if call is None:
                continue
            self.replies += 1
            if not call.answered:
                call.answered = True
                if decided:
                    self._learn(call.first_sent_ms, answers.lease_ms)
            call.waiting, call.repeat = answer.waiting, False
            if not answer.waiting:
                del self.open[answer.sequence]
                self._done = [*self._done[-9:], (call.sequence, call.frame)]
                reply = self.partition.vocabulary.decode_reply(answer.reply)
                call.answer.set_result(reply)
                if isinstance(reply, Rejected) and (
                    reply.code == "STALE" or (reply.code == "DEADLINE_TOO_FAR" and decided)
                ):
                    self._give_up_below(answer.sequence)

    def _learn(self, sent_ms: float, lease_ms: int) -> None:
        self._pairs = [*self._pairs[-7:], (sent_ms, lease_ms)]
        judge = self.partition.judge
        judge.learnt(self.name, self.until(judge.lease_ms))

    def _give_up_below(self, sequence: int) -> None:
        """A deadline out of bounds raised this client's floor if it is logged; STALE may be the first to tell.

        What is open below it will not be answered again, but a wait's push may still come.
        """
        for call in [call for call in self.open.values() if call.sequence < sequence]:
            del self.open[call.sequence]
            self._given_up.add(call.sequence)
            call.answer.set_result(None)
