"""The terms of a spell: the columns of `lock_history` from `principal` to `session`, in that order.

They come from the event that began it and, where somebody holds on otherwise, from the terms before.
"""

from typing import Final

from streams.domain.locks.commands import EXCLUSIVE, SHARED
from streams.domain.locks.events import LockGranted, LockRenewed, LockTerms, LockUpgraded, LockWaitStarted
from streams.projections.table import Row

_PLAIN: Final[Row] = (0, None, None, "")


def granted(e: LockGranted) -> Row:
    """Return those of a hold."""
    return (
        e.principal, e.client, e.handle, e.sequence, e.token, e.mode, None, e.ttl_ms, e.expires_at, None,
        *(_PLAIN if e.terms is None else _asked(e.terms)),
    )  # fmt: skip


def waiting(e: LockWaitStarted) -> Row:
    """Return those of a wait."""
    return (
        e.principal, e.client, e.handle, e.sequence, e.ticket, e.mode, e.priority, e.ttl_ms, e.wait_until,
        e.upgrade_of,
        *(_PLAIN if e.terms is None else _asked(e.terms)),
    )  # fmt: skip


def renewed(before: Row, e: LockRenewed) -> Row:
    """Return those of a hold with a longer lease."""
    *same, _, upgrade_of, lock_delay_ms, transaction, started_ms, session = before
    return (*same, e.expires_at, upgrade_of, lock_delay_ms, transaction, started_ms, session)


def upgraded(before: Row, e: LockUpgraded) -> Row:
    """Return those of a share that became exclusive."""
    principal, client, handle, _, _, _, priority, ttl_ms, _, _, *asked = before
    return (
        principal, client, handle, e.sequence, e.token, EXCLUSIVE, priority, ttl_ms, e.expires_at,
        e.from_token,
        *asked,
    )  # fmt: skip


def downgraded(before: Row) -> Row:
    """Return those of a hold that became a share."""
    principal, client, handle, sequence, token, _, *rest = before
    return (principal, client, handle, sequence, token, SHARED, *rest)


def _asked(terms: LockTerms) -> Row:
    transaction = terms.transaction
    if transaction is None:
        return (terms.lock_delay_ms, None, None, terms.session)
    return (terms.lock_delay_ms, transaction.id, transaction.started_ms, terms.session)
