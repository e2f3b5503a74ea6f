"""What can be asked of the read models of locks. Adapter: `storage.postgres.reads`. See `streams.projections.reads`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from pydantic_core import from_json

from streams.domain.value import value
from streams.log.positions import PartitionId, Position
from streams.projections.reads import AsOf, AuditReads, Moment, ProjectedRow

KIND = "locks"
SHOWN = 100
"""Holders and waiters of one lock that a read shows, each; the counts tell of the rest."""

Role: TypeAlias = Literal["HOLDER", "WAITER"]


@value
class TransactionRow:
    """A client-made transaction."""

    id: str
    started_ms: int


@value
class HolderRow:
    """One holder of a lock."""

    principal: str
    client: str
    handle: str
    sequence: int
    token: int
    mode: str
    ttl_ms: int
    until_lease_ms: int
    lock_delay_ms: int
    transaction: TransactionRow | None
    since_ms: int
    """When it was granted, before all renewals, upgrades and downgrades."""
    since_offset: int


@value
class WaiterRow:
    """One waiter of a lock."""

    partition: int
    name: str
    place: int
    """1 is next in line."""
    ticket: int
    principal: str
    client: str
    handle: str
    sequence: int
    mode: str
    priority: int
    ttl_ms: int
    wait_until_lease_ms: int | None
    upgrade_of: int | None
    transaction: TransactionRow | None
    since_offset: int
    since_ms: int

    @property
    def position(self) -> Position:
        """The commit that it queued in."""
        return Position(PartitionId(KIND, self.partition), self.since_offset)


@value
class LockRow:
    """One lock as a read model has it. A free lock is one without holders and waiters."""

    partition: int
    name: str
    mode: str
    holder_count: int
    waiter_count: int
    delay_until_lease_ms: int | None
    token: int | None
    held: "str | tuple[HolderRow, ...]"
    """Holders, or the JSON list of their documents, which is read only when asked for."""
    waiting: tuple[int, ...]
    since_ms: int | None
    changed_offset: int | None
    changed_ms: int | None
    as_of: AsOf
    queue: "tuple[WaiterRow, ...] | None" = None
    """The first waiters, if they were read along."""

    @property
    def holders(self) -> "tuple[HolderRow, ...]":
        """The first holders, oldest first."""
        if isinstance(self.held, tuple):
            return self.held
        return tuple([holder_row(document) for document in from_json(self.held)[:SHOWN]])

    @property
    def position(self) -> Position | None:
        """The commit that changed it last; None for a lock that is free."""
        if self.changed_offset is None:
            return None
        return Position(PartitionId(KIND, self.partition), self.changed_offset)


def holder_row(document: Mapping[str, Any]) -> HolderRow:
    """Return the holder that `documents.holder_document` wrote."""
    transaction = document["transaction"]
    return HolderRow(
        document["principal"],
        document["client"],
        document["handle"],
        document["sequence"],
        document["token"],
        document["mode"],
        document["ttl_ms"],
        document["expires_lease_ms"],
        document["lock_delay_ms"],
        None if transaction is None else TransactionRow(transaction["id"], transaction["started_ms"]),
        document["since_ms"],
        document["since_offset"],
    )


def free_lock(partition: int, name: str, as_of: AsOf) -> LockRow:
    """Return the row of a lock that nobody knows."""
    return LockRow(partition, name, "FREE", 0, 0, None, None, (), (), None, None, None, as_of)


@value
class SpellRow:
    """One stretch in which one holder held, or one waiter waited, on unchanged terms."""

    partition: int
    from_event: int
    name: str
    role: Role
    principal: str
    client: str
    handle: str
    sequence: int
    token: int
    mode: str
    priority: int | None
    ttl_ms: int
    until_lease_ms: int
    upgrade_of: int | None
    lock_delay_ms: int
    transaction: TransactionRow | None
    session: str
    from_offset: int
    from_ms: int
    to_offset: int | None
    to_ms: int | None
    ended: str | None

    @property
    def from_position(self) -> Position:
        """The commit that began it."""
        return Position(PartitionId(KIND, self.partition), self.from_offset)

    @property
    def to_position(self) -> Position | None:
        """The commit that ended it, if one did."""
        return None if self.to_offset is None else Position(PartitionId(KIND, self.partition), self.to_offset)


@value
class EdgeRow:
    """One edge of a deadlock's cycle."""

    transaction: str
    lock: str
    ticket: int
    blocker: str
    blocker_token: int


@value
class DeadlockRow:
    """One deadlock that was broken, with its victim."""

    partition: int
    event: int
    name: str
    ticket: int
    transaction_id: str | None
    principal: str
    client: str
    handle: str
    sequence: int
    cycle: tuple[EdgeRow, ...]
    offset: int
    at_ms: int

    @property
    def position(self) -> Position:
        """The commit that broke it."""
        return Position(PartitionId(KIND, self.partition), self.offset)


@value
class LockFilter:
    """Which locks a page shows. All that is given must hold."""

    name_prefix: str | None = None
    mode: str | None = None
    contended: bool | None = None
    """Whether somebody waits."""
    principal: str | None = None
    """Of a holder; `client` and `handle` narrow it."""
    client: str | None = None
    handle: str | None = None
    partition: int | None = None


@value
class WaitRow:
    """A waiter, and whom it waits for: holders, and earlier waiters that it cannot share the lock with."""

    waiter: WaiterRow
    blockers: tuple[HolderRow | WaiterRow, ...]


class LockReads(AuditReads, Protocol):
    """The read models of locks. Every method raises `ReadsUnavailable` and `ReadTooSlow`.

    Methods that list return one row more than `first` if there is one: then there is a next page. `after` is the key
    of the last row of the page before. What a method returns is of one snapshot.
    """

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is; those without any record are missing."""

    async def lock_at(self, tenant: str, name: str, partition: int, at: Moment) -> LockRow:
        """Return the lock as it was, with its waiters. `at` must be projected."""

    async def locks(
        self, tenant: str, wanted: LockFilter, first: int, after: str | None
    ) -> tuple[Sequence[LockRow], AsOf]:
        """Return locks that are not free, by name."""

    async def locks_at(
        self, tenant: str, wanted: LockFilter, first: int, after: str | None, at: Moment
    ) -> tuple[Sequence[LockRow], AsOf, str | None]:
        """Return locks that were not free, by name, and after which name to go on (None: nothing follows).

        `at` must be projected; a position's are the locks of its partition alone. There may be fewer than `first`
        though more follow: a page looks at a bounded number of names.
        """

    async def locks_by_name(self, tenant: str, keys: Sequence[tuple[int, str]]) -> Sequence[LockRow]:
        """Return the locks of the given (partition, name), in that order; `free_lock` for those that nobody knows.

        Each is as of its own partition. One statement.
        """

    async def waiters_of(self, tenant: str, locks: Sequence[LockRow]) -> Sequence[Sequence[WaiterRow]]:
        """Return the first waiters of each lock, next in line first. One statement."""

    async def waits(
        self, tenant: str, name_prefix: str | None, first: int, after: tuple[str, int] | None
    ) -> tuple[Sequence[WaitRow], AsOf]:
        """Return waiters with whom they wait for, by lock and ticket. One statement."""

    async def history(
        self, tenant: str, name: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[SpellRow], AsOf]:
        """Return the spells of a lock, newest first. `after`: (offset, event) of a spell's beginning."""

    async def deadlocks(
        self, tenant: str, first: int, after: tuple[int, int, int] | None
    ) -> tuple[Sequence[DeadlockRow], AsOf]:
        """Return the deadlocks that were broken, newest first. `after`: (time, partition, event).

        Raises `RowsForgotten` if what comes after that is too long ago.
        """
