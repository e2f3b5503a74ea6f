"""Keeps leases alive: renews each after a third of its ttl, and says when one can no longer be trusted.

One timer a client; 10,000 held locks cost 10,000 entries of a wheel and, at a ttl of 30 s, 1,000 renewals a
second.
"""

from functools import partial
from typing import Protocol

from streams.domain.decider import Rejected
from streams.domain.locks.commands import RenewLock
from streams.domain.locks.replies import LeaseExtended
from tidelock.client.membership import Membership
from tidelock.client.partition import Partition
from tidelock.client.pending import Outcome, Pending
from tidelock.client.rejections import rejection_error
from tidelock.client.session import Session
from tidelock.client.wheel import Wheel

SLOT_S = 0.01
"""How early a lease may be given up or renewed."""
LEAST_TIMEOUT_S = 1.0
SESSION_OVER = "the session of this client's node ended, or may have"


class Kept(Protocol):
    """A lease that is kept alive, and what the keeper notes on it."""

    name: str
    handle: str
    ttl_ms: int
    token: int
    expires_at_ms: int
    partition: Partition
    member: Membership | None
    settling: Pending | None
    renewing: bool
    renew_at_s: float

    def __hash__(self) -> int:
        """Be a key."""

    def leased_until(self) -> float:
        """Return the local time until which the lease has not run out for certain."""

    def trusted_until(self) -> float:
        """Return the local time until which nobody else can hold it: the lease has not run out nor its session."""

    def lose(self, why: str) -> None:
        """Let the holder know that it can no longer be trusted."""

    def give_up(self, why: str) -> None:
        """Give it back without awaiting the answer, and let the holder know."""


class Keeper:
    """Renews the leases of one client."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._wheel: Wheel[Kept] = Wheel(session.clock, SLOT_S, self._due)
        self._held: dict[Kept, None] = {}

    @property
    def held(self) -> tuple[Kept, ...]:
        """What is kept alive, oldest first."""
        return tuple(self._held)

    def keep(self, held: Kept) -> None:
        """Renew `held` from now on."""
        self._held[held] = None
        self._schedule(held)
        if held.trusted_until() <= self._session.clock.now():
            self._wheel.add(held, 0.0)

    def drop(self, held: Kept) -> None:
        """Renew `held` no more."""
        self._held.pop(held, None)
        self._wheel.remove(held)

    def refresh(self, held: Kept) -> None:
        """`held` was just renewed otherwise."""
        if held in self._held:
            self._schedule(held)

    def _schedule(self, held: Kept) -> None:
        held.renew_at_s = self._session.clock.now() + held.ttl_ms / 3000
        self._place(held)

    def _place(self, held: Kept) -> None:
        lost_s = held.leased_until() - SLOT_S
        self._wheel.add(held, lost_s if held.renewing else min(held.renew_at_s, lost_s))

    def _due(self, held: Kept) -> None:
        now = self._session.clock.now()
        if held.trusted_until() - SLOT_S <= now:
            leased = held.leased_until() - SLOT_S > now
            self.lose(held, SESSION_OVER if leased else "its lease could not be renewed in time")
            return
        if not held.renewing and held.renew_at_s <= now and held.settling is None:
            self._renew(held, now)
        elif held.renew_at_s <= now:
            held.renew_at_s = now + SLOT_S
        self._place(held)

    def _renew(self, held: Kept, now: float) -> None:
        held.renewing = True
        held.renew_at_s = now + held.ttl_ms / 3000
        timeout_s = min(self._session.settings.timeout_s, max(LEAST_TIMEOUT_S, held.leased_until() - now))
        command = RenewLock(held.name, held.token, held.ttl_ms)
        self._session.submit(
            held.partition, command, held.handle, timeout_s, on_done=partial(self._renewed, held, held.token)
        )

    def _renewed(self, held: Kept, token: int, outcome: Outcome) -> None:
        held.renewing = False
        if held not in self._held:
            return
        if type(outcome) is LeaseExtended:
            held.expires_at_ms = max(held.expires_at_ms, outcome.expires_at)
        elif isinstance(outcome, Rejected) and outcome.code == "NOT_HELD":
            if token == held.token and held.settling is None:
                self.lose(held, str(rejection_error(outcome)))
                return
            held.renew_at_s = self._session.clock.now()
        else:
            held.renew_at_s = self._session.clock.now() + held.ttl_ms / 30_000
        self._place(held)

    def lose(self, held: Kept, why: str) -> None:
        """Tell the holder of `held` that it is one no longer."""
        self.drop(held)
        held.lose(why)

    def lose_all(self, member: Membership, why: str) -> None:
        """Tell all holders on behalf of `member` that they are none any longer."""
        for held in self.held:
            if held.member is member:
                self.lose(held, why)

    def close(self) -> None:
        """Keep nothing any more."""
        self._wheel.clear()
        self._held.clear()
