"""What the reads of all kinds share: how far projections are, and pages of decisions (`streams.projections.audit`)."""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

from storage.postgres.asking import Asking, with_stands
from storage.postgres.pool import Connections
from streams.projections.reads import AsOf, AuditFilter, AuditRow, ProjectedRow, RowsForgotten

_COLUMNS: LiteralString = """
    a.partition, a.offset_, a.index_, a.name, a.command, a.principal, a.client, a.handle, a.sequence, a.lane,
    a.accepted, a.outcome, a.reason, a.events, a.at_ms, a.lease_ms"""
_AFTER: LiteralString = """
    AND a.at_ms <= %(after_ms)s AND (a.at_ms, a.partition, a.offset_, a.index_)
        < (%(after_ms)s, %(after_partition)s, %(after_offset)s, %(after_index)s)"""

_KEPT_FROM: LiteralString = "(SELECT from_ms FROM tidelock.retention WHERE name = %(audit)s)"


class PostgresReads:
    """Reads of one kind, which has one read model and an audit: what the reads of all kinds share."""

    def __init__(self, pool: Connections, kind: str, audit: LiteralString) -> None:
        """`audit`: the name of the table, and of its read model."""
        self._asking = Asking(pool, kind)
        self._kind, self._audit = kind, audit

    @property
    def statements(self) -> int:
        """How many statements were sent."""
        return self._asking.statements

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is."""
        return await self._asking.projected()

    async def audit(
        self, tenant: str, wanted: AuditFilter, first: int, after: tuple[int, int, int, int] | None
    ) -> tuple[Sequence[AuditRow], AsOf]:
        """Return decisions, newest first, and one more than `first` if there is one.

        `after`: (time, partition, offset, index).
        """
        conditions, given = _conditions(wanted, after)
        page: LiteralString = f"SELECT {_COLUMNS} FROM tidelock.{self._audit} a WHERE a.tenant = %(tenant)s"
        given |= {"tenant": tenant, "limit": first + 1, "projection": self._audit, "audit": self._audit}
        # of the same moment as the rows: a period may go between two statements
        statement = with_stands(page + conditions, 16, last=_KEPT_FROM)
        (*_, kept_from_ms, stands), *rows = await self._asking.rows(statement, given)
        self._check_age(kept_from_ms, [wanted.from_ms, wanted.to_ms, None if after is None else after[0]])
        return [AuditRow(self._kind, *row[:16]) for row in rows], AsOf(self._asking.stands(stands))

    def _check_age(self, kept_from_ms: int | None, times_ms: Iterable[int | None]) -> None:
        named_ms = [each for each in times_ms if each is not None]
        if named_ms and kept_from_ms is not None and min(named_ms) < kept_from_ms:
            raise RowsForgotten(f"audit of {self._kind}", kept_from_ms)


def _conditions(
    wanted: AuditFilter, after: tuple[int, int, int, int] | None
) -> tuple[LiteralString, dict[str, Any]]:
    text: LiteralString = ""
    given: dict[str, Any] = {}
    conditions: tuple[tuple[LiteralString, LiteralString, object], ...] = (
        (" AND a.name = %(name)s", "name", wanted.name),
        (" AND a.principal = %(principal)s", "principal", wanted.principal),
        (" AND a.client = %(client)s", "client", wanted.client),
        (" AND a.command = %(command)s", "command", wanted.command),
        (" AND a.at_ms >= %(from_ms)s", "from_ms", wanted.from_ms),
        (" AND a.at_ms < %(to_ms)s", "to_ms", wanted.to_ms),
    )
    for condition, key, wish in conditions:
        if wish is not None:
            text += condition
            given[key] = wish
    if wanted.accepted is not None:  # in words, so that the index of refusals is seen to fit
        text += " AND a.accepted" if wanted.accepted else " AND NOT a.accepted"
    if after is not None:
        text += _AFTER
        given |= zip(("after_ms", "after_partition", "after_offset", "after_index"), after, strict=True)
    # a name is of one partition, in which both orders are the same
    order: LiteralString = "a.at_ms DESC, a.partition DESC" if wanted.name is None else "a.partition DESC"
    return f"{text} ORDER BY {order}, a.offset_ DESC, a.index_ DESC LIMIT %(limit)s", given
