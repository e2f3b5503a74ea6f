"""Planted bugs of the owner, its fold and its lanes; the last three are bugs it once had."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from streams.domain.decider import Decision
from streams.engine import admission
from streams.engine import owner as owner_module
from streams.engine.backlog import Backlog
from streams.engine.batch import Batch
from streams.engine.draft import CommitDraft
from streams.engine.outbox import deliver
from streams.engine.owner import Owner
from streams.engine.topic_lane import TopicLane
from streams.log.answers import Answers
from streams.log.envelope import encode
from streams.log.fold import PartitionState
from streams.log.records import Claim
from streams.log.undo import Undo
from streams.wire.messages import Answer
from tests.simulation.mutants.mutant import Mutant

_known, _take_back, _send, _acked = admission._known, Owner._take_back, Owner._send, Owner._acked


def _no_floor(pending: Any, state: Any) -> Any:
    stored = state.answers.find((pending.who.principal, pending.meta.client), pending.meta.sequence)
    return None if stored is None else _known(pending, state)


def _no_hash(pending: Any, state: Any) -> Any:
    known = _known(pending, state)
    stored = state.answers.find((pending.who.principal, pending.meta.client), pending.meta.sequence)
    return stored if stored is not None and getattr(known, "code", "") == "SEQUENCE_REUSED" else known


async def _claim_unread(ports: Any, writer: Any, reader: Any, settings: Any, entropy: Any, clock: Any) -> Any:
    mine = encode(Claim(entropy.owner_id(), settings.address, settings.code_version, settings.max_level))
    appended = await (await writer.append(mine))
    reader.read(reader.next_offset, mine)
    reader.next_offset = appended.offset + 1
    return appended


def _no_rollback(self: Any) -> None:
    self.reader.state.undo._steps.clear()
    _take_back(self)


async def _push_early(self: Any, batch: Batch) -> None:
    pushes, batch.pushes = batch.pushes, []
    deliveries, batch.deliveries = batch.deliveries, []
    batch.pushes = pushes
    deliver(self._directory, self.where, self.reader.next_offset, batch)
    batch.pushes, batch.deliveries = [], deliveries
    await _send(self, batch)


async def _answer_early(self: Any, batch: Batch) -> None:
    deliver(self._directory, self.where, self.reader.next_offset, batch)
    await _send(self, batch)


_run = TopicLane.run


async def _group_offset(self: Any, start: int) -> None:
    """Resume after what was read, as a consumer group that commits what it delivered does."""
    start = max(start, getattr(self, "_committed", 0))
    reading = _run(self, start)
    lane = self

    class Committing(Backlog):
        def append(self, pending: Any) -> None:
            lane._committed = pending.offset + 1
            super().append(pending)

    self.queue = Committing()
    await reading


_restore = CommitDraft.restore


def _no_restore(self: Any, savepoint: Any) -> None:
    with patch.object(Undo, "back_to", lambda *_: None):
        _restore(self, savepoint)


_decide = Batch._decide


def _swallow(self: Any, pending: Any, spec: Any) -> None:
    """A framework acknowledges the message whose handler raised, and goes on."""
    savepoint, failures = self.save(), len(self.failures)
    _decide(self, pending, spec)
    if len(self.failures) > failures:
        self.restore(savepoint)


def _not_settled(self: Answers, client: Any, sequence: int, reply: bytes, mark_ms: int) -> None:
    """Leave the WAITING answer."""


def _assume_lost(self: Any, batch: Batch, done: Any) -> None:
    """A failed append did not happen: decide its commands again, in place."""
    if (
        not done.cancelled()
        and done.exception() is not None
        and self._in_flight
        and self._in_flight[0] is batch
    ):
        self._take_back()
        self.reader.state.undo.recording = True
        self._wake()
    else:
        _acked(self, batch, done)


def _assign(self: Undo, target: Any, name: str, new: Any) -> None:
    setattr(target, name, new)


_context = PartitionState.context


def _newest_level(self: PartitionState, lease_ms: int, level: int) -> Any:
    return replace(_context(self, lease_ms, level), level=2)


def _keep_request(self: Any) -> None:
    level = self._activate
    _take_back(self)
    self._activate = level


def _as_the_last_commit(directory: Any, where: Any, offset: int, batch: Batch) -> None:
    batch.deliveries += batch.undecided
    batch.undecided = []
    deliver(directory, where, offset, batch)


def _silence(self: Any) -> None:
    """Leave waiting clients alone."""


class _Sticky(Backlog):
    def clear(self) -> None:
        """Keep what an earlier ownership read."""


_lane = TopicLane.__init__


def _keep_queue(self: Any, *arguments: Any) -> None:
    _lane(self, *arguments)
    self.queue = _Sticky()


def _sweep_in_order(self: Answers, client: Any, mark_ms: int) -> None:
    entry = self.clients.get(client)
    if entry is None:
        return
    for sequence, stored in list(entry.answers.items()):
        if not stored.waiting:
            if stored.deadline_ms > mark_ms:
                break
            self._undo.drop(entry.answers, sequence)


def _unlogged_reject(
    self: Any, pending: Any, floor: int, decision: Decision[Any, Any], spec: Any = None
) -> None:
    """Refusals are not worth a log record."""
    if decision.events or pending.lane == "TOPIC":
        _log(self, pending, floor, decision, spec)
    elif pending.reply_to is not None:
        reply = self.vocabulary.encode_reply(decision.reply)
        self.deliveries.append((pending.reply_to, Answer(pending.meta.sequence, False, reply)))


_log = Batch._log


ENGINE = (
    Mutant(
        "floor ignored",
        "a command below the client's floor is decided again",
        lambda: [(admission, "_known", _no_floor)],
    ),
    Mutant(
        "hash ignored",
        "another command under a used sequence gets the first one's answer",
        lambda: [(admission, "_known", _no_hash)],
        first_history=3984,
    ),
    Mutant(
        "claim not read back",
        "an owner decides without having read up to its claim",
        lambda: [(owner_module, "claim", _claim_unread)],
    ),
    Mutant(
        "no rollback",
        "the speculative state survives a void commit",
        lambda: [(Owner, "_take_back", _no_rollback)],
    ),
    Mutant(
        "push before acceptance",
        "a push leaves when its commit is sent",
        lambda: [(Owner, "_send", _push_early)],
    ),
    Mutant(
        "answer before acceptance",
        "an answer leaves when its commit is sent",
        lambda: [(Owner, "_send", _answer_early)],
    ),
    Mutant(
        "topic lane from group offset",
        "the topic lane resumes after what it had read",
        lambda: [(TopicLane, "run", _group_offset)],
        first_history=105,
    ),
    Mutant(
        "half-folded exception",
        "what a failing decision changed stays",
        lambda: [(CommitDraft, "restore", _no_restore)],
    ),
    Mutant(
        "exception acknowledged",
        "a command whose decision raised is passed over",
        lambda: [(Batch, "_decide", _swallow)],
    ),
    Mutant(
        "wait not settled",
        "the stored answer of a wait stays WAITING",
        lambda: [(Answers, "settle", _not_settled)],
    ),
    Mutant(
        "unknown means lost",
        "an append of unknown outcome is decided again in place",
        lambda: [(Owner, "_acked", _assume_lost)],
    ),
    Mutant(
        "counters not undone", "a rollback forgets clocks and counters", lambda: [(Undo, "assign", _assign)]
    ),
    Mutant(
        "rule before its level",
        "new behaviour starts with the code, not with the log",
        lambda: [(PartitionState, "context", _newest_level)],
    ),
    Mutant(
        "unlogged refusals",
        "a rejection is answered without being logged",
        lambda: [(Batch, "_log", _unlogged_reject)],
    ),
    Mutant(
        "activation survives its ownership",
        "what an operator asked one ownership the next one does",
        lambda: [(Owner, "_take_back", _keep_request)],
    ),
    Mutant(
        "pair from an answer without a commit",
        "an answer that no commit decided tells the lease time of the last one",
        lambda: [(owner_module, "deliver", _as_the_last_commit)],
    ),
    Mutant(
        "lost waits",
        "an ending ownership leaves its waiting clients alone",
        lambda: [(Owner, "_send_waiters_back", _silence)],
    ),
    Mutant(
        "stale topic lane",
        "commands read ahead by an earlier ownership are decided",
        lambda: [(TopicLane, "__init__", _keep_queue)],
    ),
    Mutant(
        "sweep in order",
        "which answers are forgotten depends on the order of a dict",
        lambda: [(Answers, "_sweep_client", _sweep_in_order)],
    ),
)
