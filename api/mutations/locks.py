"""`acquireLock`, `acquireAll`, `renewLock`, `releaseLock`."""

import secrets
from typing import cast

import strawberry

from api.context import Info
from api.mutations.refusals import refusal_of
from api.types.locks import AcquireMode
from api.types.results import (
    AcquireAllResult,
    AcquiredLock,
    AcquiredLocks,
    AcquireResult,
    ReleasedLock,
    ReleaseResult,
    RenewedLock,
    RenewResult,
    TransactionInput,
)
from api.types.scalars import Long, Position
from streams.domain.locks.commands import AcquireLock, Mode, ReleaseLock, RenewLock, Transaction
from streams.domain.locks.replies import LeaseExtended
from tidelock.client.client import Client
from tidelock.client.errors import BadArgument, TidelockError
from tidelock.client.lease import Lease

LOCKS = "locks"
HANDLE = "main"
"""Of a session that does not name one: asking again for a lock that it holds is told so."""
MAX_WAIT_MS = 30_000
"""A request does not last for ever. Who wants to wait longer asks again."""
MAX_NAMES = 50


@strawberry.input(description="On which terms. Times in ms.")
class Terms:
    """What an acquire asks for."""

    mode: AcquireMode = AcquireMode.EXCLUSIVE
    ttl_ms: int = strawberry.field(
        default=30_000, description="Length of the lease, 100 ms to 24 h. Nobody renews it but you."
    )
    wait_ms: int = strawberry.field(default=0, description="How long to queue, up to 30,000; 0: only try.")
    priority: int = strawberry.field(default=0, description="0 to 9; 9 is served first.")
    lock_delay_ms: int = strawberry.field(
        default=0, description="If the lease expires (not: is released), nobody gets the lock for so long."
    )
    transaction: TransactionInput | None = None

    def command(self, name: str, wait_ms: int) -> AcquireLock:
        """Return the acquire of `name`."""
        given = self.transaction
        transaction = None if given is None else Transaction(given.id, given.started_ms)
        mode: Mode = self.mode.value
        return AcquireLock(name, mode, self.ttl_ms, wait_ms, self.priority, self.lock_delay_ms, transaction)


async def acquire_lock(
    info: Info, session: str, name: str, terms: Terms | None = None, handle: str = HANDLE
) -> AcquireResult:
    """Hold a lock."""
    terms = terms or Terms()
    try:
        _check_wait(terms)
        async with info.context.services.sessions.client(info.context.identity, session) as client:
            return _acquired(await _acquire(client, terms.command(name, terms.wait_ms), handle))
    except TidelockError as error:
        return refusal_of(error)


async def acquire_all(
    info: Info, session: str, names: list[str], terms: Terms | None = None, handle: str | None = None
) -> AcquireAllResult:
    """Hold several locks, or none: one by one in the order of their names, `waitMs` for all of them together."""
    terms = terms or Terms()
    held_by = handle or f"all-{secrets.token_hex(8)}"
    try:
        _check_wait(terms)
        if not 1 <= len(names) <= MAX_NAMES:
            raise BadArgument(f"{len(names)} names were given. Give 1 to {MAX_NAMES}.")
        async with info.context.services.sessions.client(info.context.identity, session) as client:
            leases = await _acquire_each(client, sorted(set(names)), terms, held_by)
            return AcquiredLocks(locks=[_acquired(lease) for lease in leases])
    except TidelockError as error:
        return refusal_of(error)


async def renew_lock(
    info: Info, session: str, name: str, token: Long, ttl_ms: int = 30_000, handle: str = HANDLE
) -> RenewResult:
    """Let a lease run `ttlMs` from now; never shorter than it did."""
    try:
        async with info.context.services.sessions.client(info.context.identity, session) as client:
            answer = await client.ask(LOCKS, RenewLock(name, token, ttl_ms), handle=handle)
            reply = cast("LeaseExtended", answer.reply)
            left_ms = int(client.held_for(name, reply.expires_at) * 1000)
            position = cast("Position | None", answer.position)
            return RenewedLock(name=name, token=token, expires_in_ms=left_ms, position=position)
    except TidelockError as error:
        return refusal_of(error)


async def release_lock(
    info: Info, session: str, name: str, token: Long, handle: str = HANDLE
) -> ReleaseResult:
    """Give a lock back."""
    try:
        async with info.context.services.sessions.client(info.context.identity, session) as client:
            answer = await client.ask(LOCKS, ReleaseLock(name, token), handle=handle)
            return ReleasedLock(name=name, token=token, position=cast("Position | None", answer.position))
    except TidelockError as error:
        return refusal_of(error)


async def _acquire(client: Client, command: AcquireLock, handle: str) -> Lease:
    locks = client.locks
    pending = locks.ask(command, handle)
    lease = Lease(await locks.granted(pending), pending, locks.clock)
    if pending.waited or pending.uncertain:
        await locks.freshen(lease)
    return lease


async def _acquire_each(client: Client, names: list[str], terms: Terms, handle: str) -> list[Lease]:
    clock, leases = client.locks.clock, list[Lease]()
    until_s = clock.now() + terms.wait_ms / 1000
    try:
        for name in names:
            left_ms = max(0, round((until_s - clock.now()) * 1000)) if terms.wait_ms else 0
            leases.append(await _acquire(client, terms.command(name, left_ms), handle))
    except BaseException:
        for lease in leases:
            client.locks.release_nowait(lease)
        raise
    return leases


def _acquired(lease: Lease) -> AcquiredLock:
    return AcquiredLock(
        name=lease.name,
        handle=lease.handle,
        token=Long(lease.token),
        mode=AcquireMode(lease.mode),
        expires_in_ms=int(lease.expires_in() * 1000),
        position=cast("Position | None", lease.position),
    )


def _check_wait(terms: Terms) -> None:
    if not 0 <= terms.wait_ms <= MAX_WAIT_MS:
        raise BadArgument(
            f"waitMs is {terms.wait_ms}. Choose 0 to {MAX_WAIT_MS:,}; to wait longer, ask again."
        )
