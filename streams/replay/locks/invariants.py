"""What must hold of the locks of one partition, checked from their events alone.

Small on purpose, and it shares nothing with the decider or its fold: a second opinion.
"""

from dataclasses import dataclass
from typing import Any

from streams.domain.locks.events import (
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.replies import LeaseExtended, LockFreed, LockHeld, LockWaiting
from streams.log.records import LoggedDecision
from streams.replay.findings import Report
from streams.replay.invariants import Complain


@dataclass(slots=True)
class _Lease:
    who: tuple[str, str, str]
    exclusive: bool
    expires_at: int


class LockInvariants:
    """Leases by lock and token, waits by ticket."""

    def __init__(self) -> None:
        self._leases: dict[str, dict[int, _Lease]] = {}
        self._waits: dict[int, tuple[str, LockWaitStarted]] = {}
        self._grants = 0
        self._greatest = 0

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check and remember one event."""
        key = decision.key
        match event:
            case LockGranted():
                self._granted(number, key, event, complain)
            case LockUpgraded():
                self._upgraded(number, key, event, complain)
            case LockReleased() | LockExpired() | LockRenewed() | LockDowngraded():
                self._changed(key, event, decision, lease_ms, complain)
            case LockWaitStarted():
                if event.ticket != number:
                    complain("TOKEN", f"{key}: ticket {event.ticket} instead of {number}")
                self._waits[event.ticket] = (key, event)
            case LockWaitTimedOut():
                wait = self._waits.get(event.ticket)
                early_ms = 0 if wait is None else wait[1].wait_until - lease_ms
                if early_ms > 0:
                    complain("EARLY", f"{key}: ticket {event.ticket} timed out {early_ms} ms early")
                self._wait_ended(key, event, event.ticket, complain)
            case LockWaitWithdrawn() | LockWaitAborted():
                self._wait_ended(key, event, event.ticket, complain)
            case _:
                pass

    def reply(self, reply: Any, decision: LoggedDecision, complain: Complain) -> None:
        """Check an answer against what holds after its decision's events."""
        held = self._leases.get(decision.key, {})
        asker = (decision.principal, decision.client)
        match reply:
            case LockHeld() | LeaseExtended():
                lease = held.get(reply.token)
                if lease is None or lease.who[:2] != asker or lease.expires_at != reply.expires_at:
                    complain("REPLY", f"{decision.key}: {reply} is no lease of {asker}")
            case LockFreed():
                if reply.token in held:
                    complain("REPLY", f"{decision.key}: token {reply.token} is said to be free, but is held")
            case LockWaiting():
                if not decision.waiting or reply.ticket not in self._waits:
                    complain("REPLY", f"{decision.key}: ticket {reply.ticket} is said to wait, but does not")
            case _:
                pass

    def finish(self, report: Report) -> None:
        """Write down what is still open."""
        report.greatest_token = self._greatest
        held = sum(map(len, self._leases.values()))
        report.counts = {"grants": self._grants, "held": held, "waiting": len(self._waits)}

    def _granted(self, number: int, key: str, e: LockGranted, complain: Complain) -> None:
        self._token(number, key, e.token, complain)
        held = self._leases.setdefault(key, {})
        exclusive = e.mode == "EXCLUSIVE"
        for token, lease in held.items():
            if exclusive or lease.exclusive:
                complain(
                    "CONFLICT", f"{key}: {e.mode} token {e.token} was granted while token {token} was held"
                )
        held[e.token] = _Lease((e.principal, e.client, e.handle), exclusive, e.expires_at)
        if e.ticket is not None:
            self._wait_ended(key, e, e.ticket, complain)

    def _upgraded(self, number: int, key: str, e: LockUpgraded, complain: Complain) -> None:
        self._token(number, key, e.token, complain)
        held = self._leases.setdefault(key, {})
        lease = held.pop(e.from_token, None)
        if lease is None:
            complain("NO_SUCH_LEASE", f"{key}: token {e.from_token} was upgraded, but is not held")
        elif lease.who != (e.principal, e.client, e.handle):
            complain("STOLEN", f"{key}: token {e.from_token} of {lease.who} was upgraded for another holder")
        for token in held:
            complain("CONFLICT", f"{key}: token {e.token} became exclusive while token {token} was held")
        held[e.token] = _Lease((e.principal, e.client, e.handle), True, e.expires_at)
        if e.ticket is not None:
            self._wait_ended(key, e, e.ticket, complain)

    def _changed(
        self,
        key: str,
        e: LockReleased | LockExpired | LockRenewed | LockDowngraded,
        decision: LoggedDecision,
        lease_ms: int,
        complain: Complain,
    ) -> None:
        name = type(e).__name__
        held = self._leases.get(key, {})
        lease = held.get(e.token)
        if lease is None:
            complain("NO_SUCH_LEASE", f"{key}: {name} names token {e.token}, which is not held")
            return
        if isinstance(e, LockExpired):
            if lease_ms < lease.expires_at and decision.command != "SessionGone":
                complain(
                    "EARLY",
                    f"{key}: token {e.token} expired {lease.expires_at - lease_ms} ms before its time",
                )
        elif lease.who[:2] != (decision.principal, decision.client):
            complain("STOLEN", f"{key}: {name} of token {e.token} by {decision.principal}/{decision.client}")
        if isinstance(e, LockRenewed):
            if e.expires_at < lease.expires_at:
                complain("EARLY", f"{key}: token {e.token} was renewed to an earlier end")
            lease.expires_at = e.expires_at
        elif isinstance(e, LockDowngraded):
            lease.exclusive = False
        else:
            del held[e.token]
            if not held:
                del self._leases[key]

    def _token(self, number: int, key: str, token: int, complain: Complain) -> None:
        self._grants += 1
        if token != number or token <= self._greatest:
            complain("TOKEN", f"{key}: token {token} instead of {number}, after {self._greatest}")
        self._greatest = max(self._greatest, token)

    def _wait_ended(self, key: str, event: Any, ticket: int, complain: Complain) -> None:
        wait = self._waits.pop(ticket, None)
        if wait is None or wait[0] != key:
            complain(
                "NO_SUCH_WAIT", f"{key}: {type(event).__name__} ends ticket {ticket}, which does not wait"
            )
            return
        started = wait[1]
        if (started.principal, started.client, started.sequence) != (
            event.principal,
            event.client,
            event.sequence,
        ):
            complain("STOLEN", f"{key}: ticket {ticket} of {started.client} was settled for {event.client}")
