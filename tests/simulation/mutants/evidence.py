"""The flaws that design section 5 lists under *Evidence*; each must be found. (Snapshots are not simulated here.)"""

from dataclasses import replace
from typing import Any

from streams.engine import admission, batch
from streams.engine.batch import Batch
from streams.engine.outbox import deliver
from streams.engine.owner import Owner
from streams.log.ports import AppendUnknown
from streams.log.reader import LogHalt, PartitionReader
from tests.simulation.mutants.mutant import Mutant


def _any_ack(self: Any, sent: Batch, done: Any) -> None:
    if self._trouble is not None or not self._in_flight or self._in_flight[0] is not sent:
        return
    if done.cancelled() or done.exception() is not None:
        self._fail(AppendUnknown("append failed"))
        return
    _accept(self, sent, done.result().offset)


def _accept(self: Any, sent: Batch, offset: int) -> None:
    self._in_flight.popleft()
    self.reader.head = sent.head
    self.reader.next_offset = offset + 1
    self.reader.last = sent.record
    self.reader.state.undo.forget(sent.steps)
    deliver(self._directory, self.where, offset, sent)
    self._watch.accepted(self.where, sent, 0)
    self._wake()


def _previous_record(self: Any, sent: Batch, done: Any) -> None:
    fine = not done.cancelled() and done.exception() is None
    previous = getattr(self, "_previous", None)
    if fine and self._trouble is None and self._in_flight and self._in_flight[0] is sent:
        offset = done.result().offset
        self._previous = (self._writer, offset)
        if previous is None or previous[0] is not self._writer or previous[1] + 1 == offset:
            _accept(self, sent, offset)
            return
    _acked(self, sent, done)


_acked = Owner._acked


def _repeat_at_once(self: Any, repeats: Batch) -> None:
    repeats.lease_ms, repeats.mark_ms = self.reader.state.lease_ms, self.reader.state.mark_ms
    deliver(self._directory, self.where, self.reader.next_offset - 1, repeats)


_read = PartitionReader.read


def _void_unreadable(self: PartitionReader, offset: int, stored: bytes | None) -> Any:
    head = self.head.copy()
    try:
        return _read(self, offset, stored)
    except LogHalt:
        self.head = head
        self.voids["unreadable"] += 1
        self.next_offset, self.last = offset + 1, stored
        return None


def _relative(pending: Any, state: Any, mark_ms: int, **options: Any) -> Any:
    meta = pending.meta
    pending.meta = replace(
        meta, issued_ms=mark_ms, deadline_ms=mark_ms + max(1, meta.deadline_ms - meta.issued_ms)
    )
    verdict = admission.admit(pending, state, mark_ms, **options)
    pending.meta = meta
    return verdict


EVIDENCE = (
    Mutant(
        "answer on any acknowledgement",
        "an acknowledged commit counts as accepted wherever it landed",
        lambda: [(Owner, "_acked", _any_ack)],
    ),
    Mutant(
        "repeats from speculative state",
        "a repeated command is answered before the commit that decided it is accepted",
        lambda: [(Owner, "_answer_without_commit", _repeat_at_once)],
    ),
    Mutant(
        "unreadable is void",
        "a reader that does not know an event or a level skips the record instead of halting",
        lambda: [(PartitionReader, "read", _void_unreadable)],
        first_history=304,
    ),
    Mutant(
        "unanchored contiguity",
        "a commit must follow the previous one, but the first is not tied to the claim that was read back",
        lambda: [(Owner, "_acked", _previous_record)],
    ),
    Mutant(
        "relative deadlines",
        "a command's time to live starts anew wherever it arrives",
        lambda: [(batch, "admit", _relative)],
    ),
    Mutant(
        "no deduplication",
        "a repeated command is decided again",
        lambda: [(admission, "_known", lambda *_: None)],
    ),
)
