"""The JSON inside rows of the kind `locks`, written and read in one place.

`locks.holders` is a list of what `holder_document` gives, `deadlocks.cycle` of what `edge_document` gives.
"""

import json
from typing import Any

from streams.domain.locks.commands import Transaction, WaitEdge
from streams.domain.locks.events import LockTerms
from streams.domain.locks.state import Holder

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def holder_document(holder: Holder, since_offset: int, since_ms: int) -> dict[str, Any]:
    """Return a lease as JSON has it.

    `since_*` is when the hold was granted, before all renewals, upgrades and downgrades. `sequence` is the acquire's,
    `upgrade_sequence` (or null) that of the upgrade that made it exclusive. `transaction` is null or has `id` and
    `started_ms`.
    """
    terms = holder.terms
    return {
        "principal": holder.principal,
        "client": holder.client,
        "handle": holder.handle,
        "sequence": holder.sequence,
        "token": holder.token,
        "mode": holder.mode,
        "ttl_ms": holder.ttl_ms,
        "expires_lease_ms": holder.expires_at,
        "lock_delay_ms": 0 if terms is None else terms.lock_delay_ms,
        "transaction": None if terms is None else _transaction_document(terms.transaction),
        "session": "" if terms is None else terms.session,
        "upgrade_sequence": holder.upgrade_sequence,
        "since_offset": since_offset,
        "since_ms": since_ms,
    }


def holder_of(document: dict[str, Any]) -> Holder:
    """Return the lease that `holder_document` wrote."""
    transaction = document["transaction"]
    return Holder(
        document["principal"],
        document["client"],
        document["handle"],
        document["sequence"],
        document["token"],
        document["mode"],
        document["ttl_ms"],
        document["expires_lease_ms"],
        terms_of(document["lock_delay_ms"], transaction and Transaction(**transaction), document["session"]),
        document["upgrade_sequence"],
    )


def edge_document(edge: WaitEdge) -> dict[str, Any]:
    """Return one edge of a deadlock as JSON has it: `transaction` waits on `lock` with `ticket`, behind `blocker`."""
    return {
        "transaction": edge.transaction,
        "lock": edge.lock,
        "ticket": edge.ticket,
        "blocker": edge.blocker,
        "blocker_token": edge.blocker_token,
    }


def encode_documents(documents: list[dict[str, Any]]) -> str:
    """Return the JSON text of a column."""
    return _encode(documents)


def decode_documents(text: str) -> list[dict[str, Any]]:
    """Return what a column holds."""
    documents: list[dict[str, Any]] = json.loads(text)
    return documents


def terms_of(lock_delay_ms: int, transaction: Transaction | None, session: str) -> LockTerms | None:
    """Return the terms of an acquire; None where nothing was asked for."""
    if not lock_delay_ms and transaction is None and not session:
        return None
    return LockTerms(lock_delay_ms, transaction, session)


def _transaction_document(transaction: Transaction | None) -> dict[str, Any] | None:
    if transaction is None:
        return None
    return {"id": transaction.id, "started_ms": transaction.started_ms}
