"""One row a decision, of any kind. The fold keeps nothing from one stretch to the next."""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Final

from schemas.catalogue import HEADER
from schemas.codec import SchemaError
from streams.domain.decider import Rejected
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import PoisonDecision, Projection
from streams.projections.table import Changes, Row, Table
from streams.projections.text import storable

_NO_REPLY: Final = b""


def audit_of(kind: str, name: str, without: frozenset[str] = frozenset()) -> Projection:
    """Return the read model `name`, with a table of that name: who asked a kind for what, and what became of it.

    `without`: commands that there are too many of.
    """
    table = Table(
        name,
        (
            "partition", "offset_", "index_",
            "tenant", "name", "command",
            "principal", "client", "handle", "sequence", "lane",
            "accepted",           # false: refused
            "outcome",            # the reply's name, or the refusal's code; empty where nobody is answered (timers)
            "reason",             # the refusal's words, or null
            "events",             # their names, joined by commas
            "event",              # number of the first, or null
            "at_ms", "lease_ms",
        ),
        key=3,
        aged="at_ms",
    )  # fmt: skip
    return Projection(
        name=name, version=1, kind=kind, tables=(table,), fold=partial(AuditFold, table, without)
    )


class AuditFold:
    """One partition of an audit."""

    def __init__(
        self, table: Table, without: frozenset[str], where: PartitionId, vocabulary: Vocabulary
    ) -> None:
        self._table = table
        self._without = without
        self._partition = where.partition
        self._vocabulary = vocabulary
        self._rejected = vocabulary.encode_reply(Rejected("", ""))[:HEADER]
        self._outcomes: dict[bytes, str] = {_NO_REPLY: ""}
        self._rows: list[Row] = []

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Nothing is needed."""

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Note down every decision but those `without`. Raises `PoisonDecision` at a reply that nobody can read."""
        for decided in accepted.decided:
            if decided.index in without or decided.decision.command in self._without:
                continue
            try:
                row = self._row(accepted, decided)
            except SchemaError as error:
                raise PoisonDecision(accepted, decided.index, error) from error
            self._rows.append(row)

    def take(self) -> Changes:
        """Return the rows noted down since the last call."""
        changes = Changes()
        if self._rows:
            changes.inserted[self._table] = {row[:3]: row for row in self._rows}
        self._rows = []
        return changes

    def _row(self, accepted: AcceptedCommit, decided: Decided) -> Row:
        decision, events = decided.decision, decided.events
        meta = decision.meta
        tenant, _, name = decision.key.partition("/")
        accepted_, outcome, reason = self._outcome(decision.reply)
        return (
            self._partition, accepted.offset, decided.index,
            tenant, name, decision.command,
            decision.principal, storable(meta.client), storable(meta.handle), meta.sequence, decision.lane,
            accepted_, outcome, reason,
            ",".join([type(event).__name__ for event in events]),
            decided.number if events else None,
            accepted.time_ms, accepted.commit.lease_ms,
        )  # fmt: skip

    def _outcome(self, reply: bytes) -> tuple[bool, str, str | None]:
        """Return (accepted, the reply's name or the refusal's code, the refusal's words)."""
        header = reply[:HEADER]
        if header == self._rejected:
            refusal = self._vocabulary.decode_reply(reply)
            return False, refusal.code, storable(refusal.message)
        outcome = self._outcomes.get(header)
        if outcome is None:
            outcome = self._vocabulary.reply_name(reply).rpartition(".")[2]
            self._outcomes[header] = outcome
        return True, outcome, None
