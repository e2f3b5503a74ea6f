"""What the log says of one lock: its state by the domain's own fold, and beside it the spells and their causes.

Pure. `LockChronicle.commit` takes what counts, commit by commit: from a walk, or from any other reader of the log.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from schemas.errors import SchemaError
from streams.domain.decider import Rejected
from streams.domain.locks import events as e
from streams.domain.locks.evolve import evolve
from streams.domain.locks.state import FREE, Holder, Lock, Waiter
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.reader import UnknownEvent
from streams.log.vocabulary import Vocabulary
from streams.replay.causes import Cause, cause_of
from streams.replay.locks.spells import Departed, Ending, Party, Refusal, Spell
from streams.wire.messages import SessionEnded, TimerFailed

KEPT = 100
"""Refusals, and waits that ended without a grant, that are remembered: the latest."""
AHEAD_KEPT = 10
"""Those in front of a waiter that are remembered by name."""


@value
class LockAt:
    """One lock at one moment: as its owner held it, and since when and why."""

    key: str
    lock: Lock
    holds: tuple[Spell, ...]
    """One for each of `lock.holders`, in their order."""
    waits: tuple[Spell, ...]
    """One for each of `lock.waiters`, next in line first."""
    changed: Cause | None
    """The decision that changed it last."""
    failed_timer: str | None
    """The error of its timer, if that failed and nobody has commanded the lock since."""

    @property
    def mode(self) -> str:
        """EXCLUSIVE, SHARED, or FREE."""
        return self.lock.holders[0].mode if self.lock.holders else "FREE"


def _ignore(_spell: Spell) -> None:
    """Need no ended spells."""


class LockChronicle:
    """One lock, moved on commit by commit."""

    def __init__(self, key: str, vocabulary: Vocabulary, ended: Callable[[Spell], None] = _ignore) -> None:
        self.departed: Departed | None = None
        """The hold that ended last."""
        self.refusals: deque[Refusal] = deque(maxlen=KEPT)
        self.given_up: deque[Spell] = deque(maxlen=KEPT)
        """Waits that ended without a grant."""
        self._key = key
        self._vocabulary = vocabulary
        self._told = ended
        self._lock = FREE
        self._holds: dict[int, Spell] = {}
        self._waits: dict[int, Spell] = {}
        self._changed: Cause | None = None
        self.used = False
        """Whether anybody had asked for it."""
        self._failed_timer: str | None = None

    def at(self) -> LockAt:
        """Return the lock as it stands."""
        lock = self._lock
        return LockAt(
            self._key,
            lock,
            tuple([self._holds[holder.token] for holder in lock.holders]),
            tuple([self._waits[waiter.ticket] for waiter in lock.waiters]),
            self._changed,
            self._failed_timer,
        )

    def commit(self, accepted: AcceptedCommit) -> None:
        """Fold one commit that counts. Raises `UnknownEvent` if what it says of the lock cannot be read."""
        try:
            for decided in accepted.decided_on(self._key):
                self._decided(decided, cause_of(accepted, decided))
        except SchemaError as error:
            raise UnknownEvent(
                accepted.position,
                f"what it says of {self._key} cannot be read ({error}). Upgrade before reading on.",
            ) from error

    def _decided(self, decided: Decided, cause: Cause) -> None:
        decision = decided.decision
        self.used = self.used or decision.command not in self._vocabulary.looks
        if not decided.events:
            self._unchanged(decision.reply, cause)
            return
        self._changed, self._failed_timer = cause, None
        for event in decided.events:
            match event:
                case TimerFailed():
                    self._failed_timer = event.error
                case SessionEnded():
                    pass
                case _:
                    self._event(event, cause)
                    self._lock = evolve(self._lock, event)

    def _unchanged(self, reply: bytes, cause: Cause) -> None:
        answer = self._vocabulary.decode_reply(reply) if reply else None
        if isinstance(answer, Rejected):
            self.refusals.append(Refusal(cause, answer.code, answer.message))

    def _event(self, event: Any, cause: Cause) -> None:
        match event:
            case e.LockGranted():
                self._granted(event, cause)
            case e.LockWaitStarted():
                self._wait_started(event, cause)
            case e.LockRenewed(token, until):
                hold = self._holds[token]
                self._holds[token] = replace(
                    hold, until_lease_ms=until, renewals=hold.renewals + 1, renewed=cause
                )
            case e.LockReleased(token):
                self._left(token, Ending("RELEASED", cause))
            case e.LockExpired(token, delay_until, why):
                self._left(token, Ending("EXPIRED", cause, delay_until=delay_until, reason=why))
            case e.LockUpgraded():
                self._upgraded(event, cause)
            case e.LockDowngraded(token):
                hold = self._end_hold(token, Ending("DOWNGRADED", cause, became=token))
                self._holds[token] = replace(hold, party=replace(hold.party, mode="SHARED"), began=cause)
            case e.LockWaitTimedOut():
                self._gave_up(event.ticket, Ending("TIMED_OUT", cause))
            case e.LockWaitWithdrawn():
                self._gave_up(event.ticket, Ending("WITHDRAWN", cause, reason=event.cause))
            case e.LockWaitAborted():
                self._gave_up(event.ticket, Ending("ABORTED", cause, cycle=event.cycle))

    def _granted(self, event: e.LockGranted, cause: Cause) -> None:
        waited = self._end_wait(event.ticket, event.token, cause)
        self._holds[event.token] = Spell(
            Party("HOLDER", event.token, event.principal, event.client, event.handle, event.mode),
            event.sequence,
            asked=cause if waited is None else waited.asked,
            began=cause,
            since=cause,
            ttl_ms=event.ttl_ms,
            until_lease_ms=event.expires_at,
            priority=0 if waited is None else waited.priority,
            transaction=None if event.terms is None else event.terms.transaction,
            waited=waited,
            after=self.departed,
        )

    def _wait_started(self, event: e.LockWaitStarted, cause: Cause) -> None:
        lock = self._lock
        holders = [h for h in lock.holders if h.token != event.upgrade_of]
        waiters = lock.waiters[: event.position - 1]
        self._waits[event.ticket] = Spell(
            Party("WAITER", event.ticket, event.principal, event.client, event.handle, event.mode),
            event.sequence,
            asked=cause,
            began=cause,
            since=cause,
            ttl_ms=event.ttl_ms,
            until_lease_ms=event.wait_until,
            priority=event.priority,
            transaction=None if event.terms is None else event.terms.transaction,
            upgrade_of=event.upgrade_of,
            ahead=_first(holders, waiters),
            ahead_count=len(holders) + len(waiters),
            delay_until=lock.delay_until,
        )

    def _upgraded(self, event: e.LockUpgraded, cause: Cause) -> None:
        waited = self._end_wait(event.ticket, event.token, cause)
        hold = self._end_hold(event.from_token, Ending("UPGRADED", cause, became=event.token))
        self._holds[event.token] = replace(
            hold,
            party=replace(hold.party, number=event.token, mode="EXCLUSIVE"),
            sequence=event.sequence,
            asked=cause if waited is None else waited.asked,
            began=cause,
            until_lease_ms=event.expires_at,
            waited=waited,
            after=self.departed,
        )

    def _left(self, token: int, ending: Ending) -> None:
        hold = self._end_hold(token, ending)
        self.departed = Departed(hold.party, hold.since.time_ms, hold.until_lease_ms, ending)

    def _gave_up(self, ticket: int, ending: Ending) -> None:
        wait = replace(self._waits.pop(ticket), ended=ending)
        self.given_up.append(wait)
        self._told(wait)

    def _end_hold(self, token: int, ending: Ending) -> Spell:
        """End a hold; return it as it was, open."""
        hold = self._holds.pop(token)
        self._told(replace(hold, ended=ending))
        return hold

    def _end_wait(self, ticket: int | None, token: int, cause: Cause) -> Spell | None:
        if ticket is None:
            return None
        wait = replace(self._waits.pop(ticket), ended=Ending("GRANTED", cause, became=token))
        self._told(wait)
        return wait


def lock_after(commits: Iterable[AcceptedCommit], key: str, vocabulary: Vocabulary) -> LockAt:
    """Return the lock `key` after `commits`, all that count in its partition up to the moment of interest."""
    chronicle = LockChronicle(key, vocabulary)
    for accepted in commits:
        chronicle.commit(accepted)
    return chronicle.at()


def _first(holders: Sequence[Holder], waiters: Sequence[Waiter]) -> tuple[Party, ...]:
    named = tuple(map(_holding, holders[:AHEAD_KEPT]))
    return named + tuple(map(_waiting, waiters[: AHEAD_KEPT - len(named)]))


def _holding(holder: Holder) -> Party:
    return Party("HOLDER", holder.token, holder.principal, holder.client, holder.handle, holder.mode)


def _waiting(waiter: Waiter) -> Party:
    return Party("WAITER", waiter.ticket, waiter.principal, waiter.client, waiter.handle, waiter.mode)
