"""The read models of the kind `locks`, as the catalogue lists them."""

from typing import Final

from streams.projections.audit import audit_of
from streams.projections.locks import tables, windows
from streams.projections.locks.fold import LocksFold
from streams.projections.projection import Points, Projection

LOCKS: Final = Projection(
    name="locks",
    version=1,
    kind="locks",
    tables=(
        tables.LOCKS,
        tables.LOCK_WAITERS,
        tables.LOCK_HISTORY,
        tables.DEADLOCKS,
        tables.LOCK_WINDOWS,
    ),
    fold=LocksFold,
    hot=tables.LOCKS,
    points=Points(tables.LOCK_WINDOWS, tables.LOCK_POINTS, windows.merged),
)

AUDIT: Final = audit_of("locks", "audit")
