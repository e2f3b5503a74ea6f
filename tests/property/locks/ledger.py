"""A second, naive account of one lock, kept from its events alone. It checks every promise as it goes."""

from dataclasses import dataclass, field

from streams.domain.decider import Settled
from streams.domain.locks import decider
from streams.domain.locks.commands import EXCLUSIVE, SHARED
from streams.domain.locks.events import (
    Event,
    LockDelayEnded,
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitStarted,
)

Identity = tuple[str, str, str]


@dataclass
class Lease:
    who: Identity
    mode: str
    expires_at: int


@dataclass
class Wait:
    who: Identity
    sequence: int
    mode: str
    priority: int
    upgrade_of: int | None
    passed_by: int = 0


@dataclass
class Ledger:
    max_overtaken: int
    leases: dict[int, Lease] = field(default_factory=dict)
    waits: dict[int, Wait] = field(default_factory=dict)
    settled: list[tuple[str, int]] = field(default_factory=list)
    started: list[tuple[str, int]] = field(default_factory=list)
    last_token: int = 0
    delay_until: int = 0

    def record(self, event: Event, token: int, now: int, priority: int | None) -> None:
        """Account for `event`, which got number `token`; `priority` is that of the acquire just decided."""
        ending = decider.settles(event)
        match event:
            case LockGranted():
                self._grant(event, token, now, priority)
            case LockUpgraded():
                self._upgrade(event, token, now)
            case LockWaitStarted():
                self._new_token(event.ticket, token)
                who = (event.principal, event.client, event.handle)
                wait = Wait(who, event.sequence, event.mode, event.priority, event.upgrade_of)
                self.waits[event.ticket] = wait
                self.started.append((event.client, event.sequence))
            case LockRenewed():
                lease = self.leases[event.token]
                assert now < lease.expires_at < event.expires_at, "renewed late, or not longer"
                lease.expires_at = event.expires_at
            case LockReleased():
                del self.leases[event.token]
            case LockExpired():
                assert self.leases.pop(event.token).expires_at <= now, "expired early"
                self.delay_until = max(self.delay_until, event.delay_until or 0)
            case LockDowngraded():
                self.leases[event.token].mode = SHARED
            case LockDelayEnded():
                assert 0 < self.delay_until <= now, "the delay ended early"
                self.delay_until = 0
            case _:
                del self.waits[event.ticket]
        self._settle(event, ending)
        self._no_conflict()

    def _new_token(self, named: int, token: int) -> None:
        assert named == token, "a token is the number of its event"
        assert named > self.last_token, "tokens rise"
        self.last_token = named

    def _grant(self, event: LockGranted, token: int, now: int, priority: int | None) -> None:
        self._new_token(event.token, token)
        assert now >= self.delay_until, "granted in the lock-delay"
        self.delay_until = 0
        if event.ticket is None:
            assert priority is not None
            self._passes(priority, token)
        else:
            wait = self.waits.pop(event.ticket)
            assert (wait.who, wait.mode) == ((event.principal, event.client, event.handle), event.mode)
            self._passes(wait.priority, event.ticket)
        who = (event.principal, event.client, event.handle)
        assert all(lease.who != who for lease in self.leases.values()), "one lease a handle"
        assert event.expires_at == now + event.ttl_ms
        self.leases[event.token] = Lease(who, event.mode, event.expires_at)

    def _passes(self, priority: int, ticket: int) -> None:
        for earlier, wait in self.waits.items():
            if earlier < ticket:
                assert wait.upgrade_of is None, "passed an upgrade"
                assert wait.priority < priority, "passed an earlier waiter of its own or a higher priority"
                wait.passed_by += 1
                assert wait.passed_by <= self.max_overtaken, "starved"

    def _upgrade(self, event: LockUpgraded, token: int, now: int) -> None:
        self._new_token(event.token, token)
        assert now >= self.delay_until, "upgraded in the lock-delay"
        self.delay_until = 0
        assert list(self.leases) == [event.from_token], "upgraded among sharers"
        lease = self.leases.pop(event.from_token)
        assert lease.mode == SHARED
        assert lease.expires_at <= event.expires_at
        self.leases[event.token] = Lease(lease.who, EXCLUSIVE, event.expires_at)
        if event.ticket is not None:
            assert self.waits.pop(event.ticket).upgrade_of == event.from_token

    def _settle(self, event: Event, ending: Settled | None) -> None:
        if ending is None:
            return
        key = (ending.client, ending.sequence)
        assert key in self.started, "settled what never waited"
        assert key not in self.settled, "settled twice"
        self.settled.append(key)

    def _no_conflict(self) -> None:
        modes = [lease.mode for lease in self.leases.values()]
        assert EXCLUSIVE not in modes or len(modes) == 1, "two conflicting holders"
        for wait in self.waits.values():
            assert wait.upgrade_of is None or wait.upgrade_of in self.leases, "an upgrade without its share"
