"""Planted bugs of the client library."""

from dataclasses import replace
from typing import Any

from tests.simulation.mutants.mutant import Mutant
from tidelock.client.lease import Lease
from tidelock.client.reception import Reception
from tidelock.client.session import Session

_learn, _on_lost, _on_answers = Session._learn, Session.on_lost, Reception.on_answers


def _by_wall_clock(self: Any) -> float:
    """Each new expiry is noted as an hour of the day."""
    clock = self._clock
    noted = self.__dict__.setdefault("noted", {})
    if self.expires_at_ms not in noted:
        noted[self.expires_at_ms] = clock.wall_s() + 0.99 * self.ttl_ms / 1000
    return float(clock.now() + noted[self.expires_at_ms] - clock.wall_s())


def _from_pushes(self: Any, partition: Any, answers: Any, newest_s: float, link: Any) -> None:
    pushed = newest_s <= 0 and answers.decided
    _learn(self, partition, answers, link.heard_s if pushed else newest_s, link)


def _pair_at_receipt(self: Any, partition: Any, answers: Any, newest_s: float, link: Any) -> None:
    _learn(self, partition, answers, link.heard_s if newest_s > 0 else newest_s, link)


def _from_every_answer(self: Any, link: Any, answers: Any) -> None:
    _on_answers(self, link, replace(answers, offset=max(0, answers.offset)))


def _renumbers(self: Any, link: Any, why: Any) -> list[Any]:
    again, ledger = _on_lost(self, link, why), self._ledger
    for pending in again:
        del ledger.open[pending.sequence]
        partition, now = pending.partition, self.clock.now()
        issued_ms = partition.wall_ms(now)
        deadline_ms = issued_ms + int((pending.deadline_s - now) * 1000)
        sequence = ledger.number()
        record = pending.head + ledger.floor_bytes + pending.tail
        tail = self._codecs[partition.kind].rewrite(record, self._meta, sequence, issued_ms, deadline_ms)
        pending.renumber(sequence, tail)
        ledger.open[sequence] = pending
    return again


LIBRARY = (
    Mutant(
        "lease by wall clock",
        "the client counts its lease by its wall clock, which somebody sets back",
        lambda: [(Lease, "leased_until", _by_wall_clock)],
        first_history=367,
    ),
    Mutant(
        "pair from a push",
        "the client takes the moment a push came for the moment of its lease time",
        lambda: [(Session, "_learn", _from_pushes)],
    ),
    Mutant(
        "pair at receipt",
        "the client counts a lease from when the answer came, not from before it asked",
        lambda: [(Session, "_learn", _pair_at_receipt)],
        first_history=49,
    ),
    Mutant(
        "lease time of no commit",
        "the client takes the lease time of an answer that no commit decided for one",
        lambda: [(Reception, "on_answers", _from_every_answer)],
        first_history=262,
    ),
    Mutant(
        "retry under a new sequence",
        "what was on its way over a lost connection is asked again as a new command",
        lambda: [(Session, "on_lost", _renumbers)],
        first_history=39,
    ),
)
