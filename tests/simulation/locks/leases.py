"""An independent, few-line model of the locks in the log: tokens, exclusion, lengths of leases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streams.domain.locks.events import (
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitStarted,
)
from streams.log.records import Commit, LoggedDecision
from tests.simulation.invariants import REFUSALS, Judge, Sent, code_of
from tests.simulation.oracle import command_of
from tests.simulation.trust import Trust


@dataclass(slots=True)
class Lease:
    """One lease as the log shows it; `since` is true time, in seconds, of the grant or the last renewal."""

    who: tuple[str, str, str]
    exclusive: bool
    expires_at: int
    since: float
    length_ms: int


class Leases:
    """All leases of the accepted log."""

    def __init__(self, trust: Trust, fail: Callable[[str], None]) -> None:
        self._trust = trust
        self._fail = fail
        self.ends: dict[int, object] = {}
        """Token -> the event that ended its lease."""
        self._held: dict[str, dict[int, Lease]] = {}
        self._last_number = 0

    def fold(self, key: str, event: object, lease_ms: int, sent_at: float) -> None:
        """Check and fold one event of an accepted commit that was decided at true time `sent_at`."""
        held = self._held.setdefault(key, {})
        match event:
            case LockGranted():
                self._number(event.token)
                if held and (event.mode == "EXCLUSIVE" or any(lease.exclusive for lease in held.values())):
                    self._fail(f"{key}: {event} is granted while {held} hold")
                if event.expires_at - lease_ms < event.ttl_ms:
                    self._fail(f"{key}: {event} is shorter than asked, at lease time {lease_ms}")
                who = (event.principal, event.client, event.handle)
                held[event.token] = Lease(
                    who, event.mode == "EXCLUSIVE", event.expires_at, sent_at, event.ttl_ms
                )
            case LockUpgraded():
                self._number(event.token)
                old = held.pop(event.from_token, None)
                if old is None or held:
                    self._fail(f"{key}: {event} while {held} hold")
                    return
                held[event.token] = Lease(
                    old.who, True, event.expires_at, sent_at, event.expires_at - lease_ms
                )
            case LockWaitStarted():
                self._number(event.ticket)
            case LockRenewed() | LockDowngraded():
                self._change(key, held, event, lease_ms, sent_at)
            case LockReleased() | LockExpired():
                self._end(key, held, event, lease_ms, sent_at)
            case _:
                pass

    def _number(self, number: int) -> None:
        if number <= self._last_number:
            self._fail(f"token or ticket {number} comes after {self._last_number}")
        self._last_number = number

    def _change(
        self,
        key: str,
        held: dict[int, Lease],
        event: LockRenewed | LockDowngraded,
        lease_ms: int,
        sent_at: float,
    ) -> None:
        lease = held.get(event.token)
        if lease is None:
            self._fail(f"{key}: {event} of a lease that is over")
        elif isinstance(event, LockDowngraded):
            lease.exclusive = False
        else:
            if event.expires_at < lease.expires_at:
                self._fail(f"{key}: {event} shortens {lease}")
            lease.expires_at, lease.since, lease.length_ms = (
                event.expires_at,
                sent_at,
                event.expires_at - lease_ms,
            )

    def _end(
        self,
        key: str,
        held: dict[int, Lease],
        event: LockReleased | LockExpired,
        lease_ms: int,
        sent_at: float,
    ) -> None:
        lease = held.pop(event.token, None)
        self.ends[event.token] = event
        if lease is None:
            self._fail(f"{key}: {event} of a lease that is over")
            return
        if isinstance(event, LockExpired) and not event.cause:
            if lease_ms < lease.expires_at:
                self._fail(f"{key}: {event} at lease time {lease_ms}, before {lease}")
            if (sent_at - lease.since) * 1000 < lease.length_ms - 1.01:
                self._fail(f"{key}: {event} {sent_at - lease.since:.3f} s after {lease}")
        self._trust.ended(key, event.token, type(event).__name__)

    def holder(self, key: str, token: int) -> tuple[str, str, str] | None:
        """Return who holds `token`, if it is held."""
        lease = self._held.get(key, {}).get(token)
        return None if lease is None else lease.who


class LockBooks:
    """The leases of the log, and what was asked of them."""

    def __init__(self, judge: Judge) -> None:
        self.leases = Leases(judge.trust, judge.fail)
        self._judge = judge
        self._acquires: dict[tuple[str, str], int] = {}
        """Of the real library's handles, which it never uses again: the sequence that acquired."""

    def decided(
        self,
        commit: Commit,
        decision: LoggedDecision,
        events: Sequence[Any],
        first: int,
        sent_at: float,
        asked: Sequence[Sent],
    ) -> None:
        """Check and fold one decision of an accepted commit."""
        _ = first
        if decision.client in self._judge.users and decision.command == "AcquireLock":
            self._acquired(decision)
        if events and decision.command == "ReleaseLock":
            self._release(decision, events[0], asked)
        for event in events:
            self.leases.fold(decision.key, event, commit.lease_ms, sent_at)

    def compare(self, key: str, state: Any) -> None:
        """Nothing that an owner's memory is not compared with already."""

    def _acquired(self, decision: LoggedDecision) -> None:
        if code_of(self._judge.vocabulary, decision.reply) in REFUSALS:
            return
        first = self._acquires.setdefault((decision.client, decision.handle), decision.sequence)
        if first != decision.sequence:
            self._judge.fail(
                f"{decision.client} asked once, by handle {decision.handle}, and is decided twice: "
                f"as sequence {first}, and as {decision.sequence}"
            )

    def _release(self, decision: LoggedDecision, event: Any, sent: Sequence[Sent]) -> None:
        token = getattr(event, "token", None)
        asked = {getattr(each.command, "token", None) for each in sent}
        holder = self.leases.holder(decision.key, token or 0)
        if type(event).__name__ == "LockReleased" and (
            token not in asked or holder != (decision.principal, decision.client, decision.handle)
        ):
            self._judge.fail(
                f"{command_of(decision)} asked to release {asked}, but token {token} of {holder} was released"
            )
