"""The read models of the kind `locks`, as the catalogue lists them."""

from typing import Final

from streams.projections.audit import audit_of
from streams.projections.locks import tables
from streams.projections.locks.fold import LocksFold
from streams.projections.locks.windows import LockCounts
from streams.projections.projection import Projection, points_of

LOCKS: Final = Projection(
    name="locks",
    version=2,
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
    points=points_of(LockCounts),
)

AUDIT: Final = audit_of("locks", "audit")
