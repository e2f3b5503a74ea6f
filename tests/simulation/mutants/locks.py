"""Planted bugs of the locks."""

from dataclasses import replace
from typing import Any

from streams.domain.decider import Tick
from streams.domain.locks import acquire, decider, draft, lease, state
from streams.domain.locks.events import LockRenewed
from streams.domain.locks.replies import LeaseExtended
from tests.simulation.mutants.mutant import Mutant

_decide = decider.decide
_MASK = (1 << 48) - 1


def _token_per_lock(command: Any, who: Any, lock: Any, context: Any) -> Any:
    numbers = [h.token & _MASK for h in lock.holders] + [w.ticket & _MASK for w in lock.waiters]
    return _decide(command, who, lock, replace(context, next_number=max(numbers, default=0) + 1))


def _early(command: Any, who: Any, lock: Any, context: Any) -> Any:
    if isinstance(command, Tick):
        return _decide(command, who, lock, context)
    return _decide(command, who, lock, replace(context, now=context.now + 1))


def _any_token(lock: Any, token: int, who: Any, now: int) -> Any:
    return next((h for h in lock.holders if h.expires_at > now), None)


def _shortened(command: Any, who: Any, lock: Any, context: Any) -> Any:
    holder = _held(lock, command.token, who, context.now)
    decision = _renew(command, who, lock, context)
    if holder is None or decision.events:
        return decision
    expires_at = context.now + command.ttl_ms
    event = LockRenewed(command.token, expires_at)
    return replace(decision, events=(event,), reply=LeaseExtended(command.token, expires_at))


_renew, _held = lease.renew, lease._held


def _any_upgrade(lock: Any) -> Any:
    return lock.waiters[0] if lock.waiters and lock.waiters[0].upgrade_of is not None else _grantable(lock)


_grantable = state.grantable


def _sharers_beside(holders: Any, mode: str) -> bool:
    return not holders or mode == "SHARED"


LOCKS = (
    Mutant(
        "token per lock",
        "a forgotten lock counts its tokens from one again",
        lambda: [(decider, "decide", _token_per_lock)],
    ),
    Mutant(
        "expiry off by one",
        "a lease ends a millisecond early for whoever comes",
        lambda: [(decider, "decide", _early)],
    ),
    Mutant(
        "release without token", "any release ends the oldest lease", lambda: [(lease, "_held", _any_token)]
    ),
    Mutant(
        "renewal shortens",
        "a renewal with a smaller ttl takes time away",
        lambda: [(decider, "renew", _shortened)],
    ),
    Mutant(
        "upgrade beside sharers",
        "a waiting upgrade is granted while others share",
        lambda: [(draft, "grantable", _any_upgrade), (state, "grantable", _any_upgrade)],
    ),
    Mutant(
        "sharers beside a writer",
        "a share is granted beside an exclusive lease",
        lambda: [(acquire, "fits", _sharers_beside), (state, "fits", _sharers_beside)],
    ),
)
