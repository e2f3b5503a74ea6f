"""One lock as its fold keeps it, and back from its rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from streams.domain.locks.commands import Transaction
from streams.domain.locks.state import FREE, Holder, Lock, Waiter
from streams.projections.locks.documents import (
    decode_documents,
    encode_documents,
    holder_document,
    holder_of,
    terms_of,
)
from streams.projections.locks.spells import BEGUN, FROM_MS, FROM_OFFSET, ROLE, TERMS, TOKEN, WAITER, Spell
from streams.projections.locks.tables import LOCK_HISTORY, LOCKS
from streams.projections.table import Row, Table
from streams.wire.keys import key_of


class Standing:
    """One lock: its state by the domain's own `evolve`, and its open spells by token or ticket."""

    __slots__ = (
        "changed_ms", "changed_offset", "lock", "name", "since_ms", "spell", "spells", "stored", "tenant",
    )  # fmt: skip

    def __init__(self, tenant: str, name: str) -> None:
        self.tenant = tenant
        self.name = name
        self.lock = FREE
        self.spells: dict[int, Spell] = {}
        self.spell = 0
        """How many began since it was last free."""
        self.since_ms = 0
        self.changed_offset = 0
        self.changed_ms = 0
        self.stored = False
        """Whether it has a row."""

    def row(self, partition: int) -> Row:
        """Return its row of `LOCKS`."""
        lock, holders = self.lock, self.lock.holders
        return (
            partition,
            self.tenant,
            self.name,
            holders[0].mode if holders else "FREE",
            len(holders),
            len(lock.waiters),
            lock.delay_until or None,
            holders[-1].token if holders else None,
            encode_documents([self._document(holder) for holder in holders]),
            tuple([waiter.ticket for waiter in lock.waiters]),
            self.spell,
            self.since_ms,
            self.changed_offset,
            self.changed_ms,
        )

    def _document(self, holder: Holder) -> dict[str, object]:
        spell = self.spells[holder.token]
        return holder_document(holder, spell.since_offset, spell.since_ms)


def restored(rows: Mapping[Table, Iterable[Row]]) -> dict[str, Standing]:
    """Return the locks of one partition by key, from its rows of `LOCKS` and the open ones of `LOCK_HISTORY`."""
    spells: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows.get(LOCK_HISTORY, ()):
        spells[row[2], row[3]].append(row)
    locks = {}
    for row in rows.get(LOCKS, ()):
        tenant, name = row[1], row[2]
        locks[key_of(tenant, name)] = _standing(row, spells[tenant, name])
    return locks


def restored_locks(rows: Mapping[Table, Iterable[Row]]) -> dict[str, Lock]:
    """Return every lock of one partition that is not free, by key (`tenant/name`), from the same rows.

    How often a waiter was overtaken is not in them: it is 0, which only the owner's decisions would notice.
    """
    return {key: standing.lock for key, standing in restored(rows).items()}


def _standing(row: Row, spells: list[Row]) -> Standing:
    standing = Standing(row[1], row[2])
    delay_until, documents, tickets = row[6] or 0, decode_documents(row[8]), row[9]
    _, standing.spell, standing.since_ms, standing.changed_offset, standing.changed_ms = row[9:]
    standing.stored = True
    since = {each["token"]: (each["since_offset"], each["since_ms"]) for each in documents}
    for spell in spells:
        begun, token = tuple(spell[:BEGUN]), spell[TOKEN]
        began = since.get(token, (spell[FROM_OFFSET], spell[FROM_MS]))
        standing.spells[token] = Spell(begun, *began, stored=True)
    waiters = {spell[TOKEN]: _waiter(spell) for spell in spells if spell[ROLE] == WAITER}
    holders = tuple(map(holder_of, documents))
    standing.lock = Lock(holders, tuple([waiters[ticket] for ticket in tickets]), delay_until)
    return standing


def _waiter(row: Row) -> Waiter:
    (
        principal, client, handle, sequence, ticket, mode, priority, ttl_ms, wait_until,
        upgrade_of, lock_delay_ms, transaction_id, started_ms, session,
    ) = row[TERMS]  # fmt: skip
    transaction = None if transaction_id is None else Transaction(transaction_id, started_ms)
    terms = terms_of(lock_delay_ms, transaction, session)
    return Waiter(
        principal, client, handle, sequence, ticket, mode, priority, ttl_ms, wait_until, terms, upgrade_of, 0
    )
