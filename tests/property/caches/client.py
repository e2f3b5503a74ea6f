"""A client that obeys the protocol: what it may trust, what it does when called. Switches break one rule each."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from streams.domain.caches import replies as r
from streams.domain.decider import Rejected
from tests.property.caches.directory import Answer
from tests.property.caches.history import History, Op
from tests.unit.caches.spec import NAME

RETRY_MS = 40
GIVE_UP_MS = 700


@dataclass
class Held:
    """A line as the client has it. `busy`: it is being written back or replaced, and not used."""

    state: str
    token: int
    version: int
    value: bytes
    ends_at: float
    changed: bool = False
    busy: bool = False


@dataclass
class Open:
    """A command without a final answer."""

    command: Any
    sent_at: float
    retry_at: float
    op: Op | None = None


@dataclass(frozen=True)
class Flaws:
    """What a broken client does."""

    trusts_from_answer: bool = False
    keeps_late_grants: bool = False
    keeps_own_line: bool = False
    rejoins_with_lines: bool = False


GOOD = Flaws()


@dataclass
class Client:
    name: str
    rng: Random
    history: History
    send: Any
    lease_ms: int
    rate: float
    flaws: Flaws = GOOD
    attachment: int = 0
    gave_up: int = 0
    trusted_until: float = 0.0
    processed: int = 0
    sequence: int = 0
    listen: int = 0
    listened_at: float = -1e9
    now: float = 0.0
    real: int = 0
    lines: dict[str, Held] = field(default_factory=dict)
    open: dict[int, Open] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)
    """Lines by their greatest token that must not be used any more, should their grants arrive late."""
    shared: dict[str, int] = field(default_factory=dict)
    """Lines that are not Exclusive any more, likewise."""
    due: dict[int, int] = field(default_factory=dict)
    """Calls by number that wait for a write-back, by its sequence."""
    dropped: list[c.LineRef] = field(default_factory=list)
    resetting: bool = False
    lost_track: bool = False
    """It gave up on an answer that may have granted a line."""

    # ── the world calls ─────────────────────────────────────────────────────────────────────────────────

    def step(self, real: int) -> None:
        self.real, self.now = real, real * self.rate
        if self.attachment and self.now >= self.trusted_until:
            self._forget()
        for name, held in list(self.lines.items()):
            if self.now >= held.ends_at:
                self._drop(name)
        for sequence, each in list(self.open.items()):
            if self.now >= each.retry_at:
                self._retry(sequence, each)
        if self.resetting and not any(isinstance(o.command, c.WriteBack) for o in self.open.values()):
            self._forget()
        renew = self.now >= self.listened_at + self.lease_ms / (3 if self.attachment else 2)
        if self.listen not in self.open or renew:  # a join that takes long is given up, and may still arrive
            self._listen()

    def _retry(self, sequence: int, each: Open) -> None:
        if each.op is not None and self.now > each.sent_at + GIVE_UP_MS:
            del self.open[sequence]
            self.lost_track = True
            self.history.unknown(each.op)
            return
        each.retry_at = self.now + RETRY_MS
        self.send(self.name, sequence, each.command)

    def take(self, answer: Answer, real: int) -> None:
        self.real, self.now = real, real * self.rate
        asked = self.open.get(answer.sequence)
        if asked is None:
            self._late(answer)
            return
        if isinstance(asked.command, c.Listen):
            self._heard(answer, asked)
        elif not answer.waiting:
            del self.open[answer.sequence]
            self._done(answer, asked)

    def _late(self, answer: Answer) -> None:
        reply = answer.reply
        if isinstance(reply, r.EntryRead | r.EntryStored) and reply.state not in ("INVALID", "MODIFIED"):
            held = self.lines.get(reply.entry)
            if reply.attachment == self.attachment and (held is None or held.token != reply.token):
                self.dropped.append(c.LineRef(reply.entry, reply.token))

    # ── listening ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def trusts(self) -> bool:
        return bool(self.attachment) and self.now < self.trusted_until and not self.resetting

    def trusted(self, name: str) -> Held | None:
        """The line, if a hit may use it."""
        held = self.lines.get(name)
        good = held is not None and self.trusts and not held.busy and self.now < held.ends_at
        return held if good else None

    def _forget(self) -> None:
        if not self.flaws.rejoins_with_lines:
            self.lines.clear()
        self.gave_up, self.attachment = max(self.gave_up, self.attachment), 0
        self.processed, self.trusted_until, self.resetting, self.listen = 0, 0.0, False, 0
        self.over.clear()
        self.shared.clear()
        self.due.clear()
        self.dropped.clear()

    def _listen(self) -> None:
        told = tuple(self.dropped[:500])
        del self.dropped[:500]
        after = min(self.due, default=self.processed + 1) - 1
        command = c.Listen(NAME, 0, self.attachment, after, told, self.gave_up)
        self.open.pop(self.listen, None)
        self.listen, self.listened_at = self._ask(command, None), self.now

    def _heard(self, answer: Answer, asked: Open) -> None:
        reply, command = answer.reply, asked.command
        if not answer.waiting:
            del self.open[answer.sequence]
        if isinstance(reply, Rejected):
            if reply.code == "LISTENING_ALREADY":
                self.gave_up = max(self.gave_up, int(dict(reply.details)["attachment"]))
            elif self.attachment == command.attachment and reply.code != "BAD_ARGUMENT":
                self._forget()
            return
        if isinstance(reply, r.Listening) and command.attachment == 0 and not self.attachment:
            if reply.attachment <= self.gave_up:
                return
            self.attachment = reply.attachment
        if reply.attachment != self.attachment:
            return
        if reply.expires_at:
            began = self.now if self.flaws.trusts_from_answer else asked.sent_at
            until = began + 0.99 * (reply.expires_at - answer.lease_ms)
            self.trusted_until = max(self.trusted_until, until)
        if isinstance(reply, r.Calls):
            self._called(answer.attached)
            if answer.sequence == self.listen and self.attachment:
                self._listen()

    def _called(self, calls: tuple[e.LineCall, ...]) -> None:
        for call in calls:
            if call.number <= self.processed or not self.attachment:
                continue
            if call.kind == "RESET":
                self._reset()
                return
            if call.number > self.processed + 1:  # a gap
                self._forget()
                return
            self.processed = call.number
            self._obey(call)

    def _obey(self, call: e.LineCall) -> None:
        held = self.lines.get(call.entry)
        if call.kind == "SHARE":
            self.shared[call.entry] = call.token
            if held is not None and held.token == call.token and held.state == "EXCLUSIVE":
                held.state = "SHARED"
            return
        self.over[call.entry] = max(call.token, self.over.get(call.entry, 0))
        if held is None or held.token > call.token:
            return
        if call.kind == "INVALIDATE":
            self._drop(call.entry)
        elif held.state == "MODIFIED":
            sequence = self._writing_back(call.entry) or self._write_back(call.entry, held, "SHARED")
            self.due[call.number] = sequence

    def _drop(self, name: str) -> None:
        """Give up a line; a late grant of it, or of one before it, does not bring it back."""
        held = self.lines.pop(name)
        self.over[name] = max(held.token, self.over.get(name, 0))

    def _reset(self) -> None:
        self.resetting = True
        for name, held in list(self.lines.items()):
            if held.state != "MODIFIED":
                self._drop(name)
            elif not self._writing_back(name):
                self._write_back(name, held, "INVALID")

    # ── what the application does ───────────────────────────────────────────────────────────────────────

    def read(self, name: str, thread: int) -> None:
        op = self.history.begin(self.name, thread, "read", name, None, self.real)
        held = self.trusted(name)
        if held is not None:
            self.history.end(op, held.value, self.real)
            return
        attachment = self.attachment if self.trusts else 0
        fill = self.rng.random() < 0.5
        self._ask(c.ReadEntry(NAME, 0, name, attachment, fill, 300), op)

    def write(self, name: str, thread: int, value: bytes) -> None:
        held = self.trusted(name)
        op = self.history.begin(self.name, thread, "write", name, value, self.real)
        if held is not None and held.state == "MODIFIED":
            held.value, held.changed = value, True
            self.history.local(op, held.token)
            self.history.end(op, value, self.real)
            return
        if name in self.lines and self.lines[name].state == "MODIFIED":
            self.history.unknown(op, done=False)  # it is on its way back
            return
        old, version = self.lines.get(name), -1
        if held is not None and self.rng.random() < 0.3:
            op.expected, version = held.value, held.version
        if old is not None and not self.flaws.keeps_own_line:
            self._drop(name)
        keep: Any = self.rng.choice(("INVALID", "EXCLUSIVE", "MODIFIED")) if self.trusts else "INVALID"
        attachment, token = (self.attachment, old.token if old else 0) if self.trusts else (0, 0)
        self._ask(c.WriteEntry(NAME, 0, name, value, ("t",), -1, version, attachment, keep, token, 300), op)

    def delete(self, name: str, thread: int) -> None:
        held = self.lines.get(name)
        if held is not None and held.state == "MODIFIED":
            return
        op = self.history.begin(self.name, thread, "delete", name, None, self.real)
        if held is not None:
            self._drop(name)
        attachment = self.attachment if self.trusts and held else 0
        token = held.token if held and attachment else 0
        self._ask(c.DeleteEntry(NAME, 0, name, -1, attachment, token, 300), op)

    def evict(self, name: str) -> None:
        held = self.trusted(name)
        if held is None:
            return
        if held.state == "MODIFIED":
            self._write_back(name, held, self.rng.choice(("INVALID", "SHARED", "MODIFIED")))
        else:
            self._drop(name)
            self.dropped.append(c.LineRef(name, held.token))

    def _writing_back(self, name: str) -> int:
        for sequence, each in self.open.items():
            if isinstance(each.command, c.WriteBack) and each.command.entry == name:
                return sequence
        return 0

    def _write_back(self, name: str, held: Held, keep: Any) -> int:
        held.busy = True
        value = held.value if held.changed else None
        return self._ask(c.WriteBack(NAME, 0, name, self.attachment, held.token, value, keep), None)

    def _ask(self, command: Any, op: Op | None) -> int:
        self.sequence += 1
        self.open[self.sequence] = Open(command, self.now, self.now + RETRY_MS, op)
        self.send(self.name, self.sequence, command)
        return self.sequence

    # ── answers ─────────────────────────────────────────────────────────────────────────────────────────

    def _done(self, answer: Answer, asked: Open) -> None:
        match asked.command:
            case c.WriteBack():
                self._written_back(answer, asked)
            case c.ReadEntry():
                self._was_read(answer, asked)
            case _:
                self._was_written(answer, asked)

    def _written_back(self, answer: Answer, asked: Open) -> None:
        self.due = {number: seq for number, seq in self.due.items() if seq != answer.sequence}
        name, reply = asked.command.entry, answer.reply
        held = self.lines.get(name)
        if held is None or held.token != asked.command.line:
            return
        if isinstance(reply, Rejected) or reply.state == "INVALID":
            self._drop(name)
        else:
            self._install(name, reply, held.value, answer, asked)

    def _was_read(self, answer: Answer, asked: Open) -> None:
        reply, op = answer.reply, asked.op
        assert op is not None
        if isinstance(reply, r.FillGranted):
            self._fill(reply, asked)
        elif isinstance(reply, Rejected):
            self.history.unknown(op, done=False)
        elif not reply.found:
            self.history.end(op, None, self.real)
        elif answer.attached[0].gone:
            attachment = self.attachment if self.trusts else 0
            self._ask(replace(asked.command, attachment=attachment), op)
        else:
            value = answer.attached[0].value
            self.history.end(op, value, self.real)
            self._install(reply.entry, reply, value, answer, asked)

    def _fill(self, reply: r.FillGranted, asked: Open) -> None:
        op, dice = asked.op, self.rng.random()
        assert op is not None
        if dice < 0.15:
            self.history.unknown(op, done=False)  # it hangs
        elif dice < 0.3:
            self.history.unknown(op, done=False)
            self._ask(c.FailFill(NAME, 0, reply.entry, reply.fill, "no"), None)
        else:
            op.kind, op.value = "write", self.history.fresh()
            tags = ("t",) if self.rng.random() < 0.5 else ()
            attachment = self.attachment if self.trusts else 0
            keep: Any = "EXCLUSIVE" if attachment else "INVALID"
            self._ask(c.FillEntry(NAME, 0, reply.entry, reply.fill, op.value, tags, -1, attachment, keep), op)

    def _was_written(self, answer: Answer, asked: Open) -> None:
        reply, op = answer.reply, asked.op
        if op is None:
            return
        if isinstance(reply, Rejected | r.FillDropped):
            self.history.unknown(op, done=False)
            return
        if op.kind != "delete" or reply.version:
            self.history.end(op, op.value, self.real)
        else:
            self.history.unknown(op, done=False)  # there was nothing
        if isinstance(reply, r.EntryStored):
            assert op.value is not None
            self._install(reply.entry, reply, op.value, answer, asked)

    def _install(self, name: str, reply: Any, value: bytes, answer: Answer, asked: Open) -> None:
        """Keep a line that was granted, unless it is over already, or a newer line is here."""
        if reply.state == "INVALID" or reply.attachment != self.attachment or not self.attachment:
            return
        if self.over.get(name, 0) >= reply.token and not self.flaws.keeps_late_grants:
            return
        held = self.lines.get(name)
        if held is not None and held.token > reply.token:
            return
        ends_at = float("inf")
        if reply.expires_at:
            ends_at = asked.sent_at + 0.99 * (reply.expires_at - answer.lease_ms)
        late = reply.state == "EXCLUSIVE" and self.shared.get(name, 0) == reply.token
        self.lines[name] = Held("SHARED" if late else reply.state, reply.token, reply.version, value, ends_at)
