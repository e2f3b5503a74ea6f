"""The story behind a moment of a lock: plain sentences, each with the position that proves it. Pure.

For somebody on call at night: who holds it and how it came to that, who waits behind whom, who was turned away.
"""

from collections.abc import Iterator
from itertools import groupby

from streams.domain.value import value
from streams.log.positions import Position
from streams.replay.causes import Cause
from streams.replay.locks.chronicle import LockAt, LockChronicle
from streams.replay.locks.phrases import (
    command,
    departure,
    duration,
    given_up,
    ordinal,
    parties,
    party,
    sent,
    who,
    wish,
)
from streams.replay.locks.spells import Party, Refusal, Spell
from streams.replay.moment import Moment, Passed

SHORTLY_MS = 60_000
"""What happened so long before the moment, at the most, is told beside it."""
TOLD = 10
"""Holders, waiters, refusals that are told one by one."""


@value
class Line:
    """One sentence, and the record that proves it."""

    position: Position
    time_ms: int
    text: str


@value
class Section:
    """Sentences on one question."""

    title: str
    lines: tuple[Line, ...]


def story(chronicle: LockChronicle, moment: Moment) -> tuple[Section, ...]:
    """Return what led to the lock as `chronicle` has it at `moment`."""
    at = chronicle.at()
    sections = (
        Section("Who holds it, and why", tuple(_holding(at, chronicle, moment))),
        Section("Who waits, and behind whom", tuple(_waiting(at, moment))),
        Section(
            f"Refused in the {duration(SHORTLY_MS)} before",
            tuple(_refused(tuple(chronicle.refusals), moment)),
        ),
        Section(
            f"Waits that ended without a grant in the {duration(SHORTLY_MS)} before",
            tuple(_gave_up(tuple(chronicle.given_up), moment)),
        ),
        Section("What is wrong", tuple(_failed(at))),
    )
    return tuple(section for section in sections if section.lines)


def _line(cause: Cause | Passed, text: str) -> Line:
    return Line(cause.position, cause.time_ms, text)


def _holding(at: LockAt, chronicle: LockChronicle, moment: Moment) -> Iterator[Line]:
    for hold in at.holds[:TOLD]:
        yield from _hold(hold, moment)
    if len(at.holds) > TOLD:
        yield _line(
            at.holds[-1].began, f"And {len(at.holds) - TOLD:,} more share it; `tidelock rewind` lists them."
        )
    if at.holds:
        return
    if chronicle.departed is not None:
        yield _line(chronicle.departed.ending.cause, departure(chronicle.departed))
    if at.changed is not None and moment.commit is not None:
        yield _line(at.changed, _free(at.lock.delay_until, moment.commit.lease_ms))


def _free(delay_until: int, now: int) -> str:
    if delay_until > now:
        left = duration(delay_until - now)
        return f"Nobody held it: its lock-delay ran for {left} more, until lease time {delay_until:,}."
    return "Nobody held it from here on."


def _hold(hold: Spell, moment: Moment) -> list[Line]:
    """Return its lines as they happened: who had it before may have gone before it was asked for."""
    return sorted(_facts(hold, moment), key=lambda line: line.position.offset)


def _facts(hold: Spell, moment: Moment) -> Iterator[Line]:
    name = party(hold.party)
    yield _line(hold.asked, f"{name} {wish(hold)} {command(hold.asked)}{sent(hold.asked)}.")
    if hold.since != hold.began:
        yield _line(hold.since, f"{name} has held it since here, if not always in this mode.")
    if hold.waited is not None:
        yield _line(hold.waited.began, _had_to_wait(hold.waited))
    if hold.after is not None and _matters(hold):
        yield _line(hold.after.ending.cause, departure(hold.after))
    yield _line(hold.began, _granted(hold))
    if hold.renewed is not None:
        times = "once" if hold.renewals == 1 else f"{hold.renewals:,} times"
        yield _line(hold.renewed, f"{name} renewed its lease {times}, here for the last time.")
    if moment.commit is not None:
        yield _line(moment.commit, _lease(hold, moment.commit.lease_ms))


def _matters(hold: Spell) -> bool:
    """Whether the hold before had anything to do with this one: it was waited for, or had just ended."""
    gone = hold.after
    return gone is not None and (
        hold.waited is not None or hold.began.time_ms - gone.ending.cause.time_ms <= SHORTLY_MS
    )


def _had_to_wait(wait: Spell) -> str:
    holders, waiters = _in_front(wait)
    reasons = []
    if holders:
        reasons.append(f"{holders} held it")
    if waiters:
        reasons.append(f"{waiters} waited ahead")
    if wait.delay_until:
        reasons.append(f"its lock-delay ran until lease time {wait.delay_until:,}")
    return f"It had to wait: {'; '.join(reasons) or 'grants to others were still due'}."


def _in_front(wait: Spell) -> tuple[str, str]:
    """Return who held and who waited in front when `wait` began; '' for nobody."""
    holders = [one for one in wait.ahead if one.role == "HOLDER"]
    waiters = [one for one in wait.ahead if one.role == "WAITER"]
    unknown = wait.ahead_count - len(wait.ahead)
    if not waiters:  # what is not kept by name may be either
        return (parties(holders, len(holders) + unknown) if holders else "", "")
    return (parties(holders, len(holders)) if holders else "", parties(waiters, len(waiters) + unknown))


def _granted(hold: Spell) -> str:
    name, token = party(hold.party), hold.party.number
    if hold.began != hold.since and hold.party.mode == "SHARED":
        return f"{name} made its hold SHARED, under the same token {token} {command(hold.began)}."
    wait = hold.waited
    how = (
        "at once" if wait is None else f"after a wait of {duration(hold.began.time_ms - wait.began.time_ms)}"
    )
    what = "Its share was made exclusive" if hold.began != hold.since else f"It was granted {hold.party.mode}"
    return f"{what} {how}, with fencing token {token}."


def _lease(hold: Spell, now: int) -> str:
    left = hold.until_lease_ms - now
    if left <= 0:
        return f"The lease was over by then, for {duration(-left)}; its end was not yet decided."
    rest = f"{duration(left)} of its lease left (until lease time {hold.until_lease_ms:,})"
    return f"{party(hold.party)} held it here, with {rest}."


def _waiting(at: LockAt, moment: Moment) -> Iterator[Line]:
    front: list[Party] = [hold.party for hold in at.holds]
    for place, wait in enumerate(at.waits[:TOLD], start=1):
        behind = front[: len(at.holds)] if place == 1 else [at.waits[place - 2].party]
        behind = [one for one in behind if one.number != wait.upgrade_of]
        yield _line(wait.asked, f"{party(wait.party)} {wish(wait)} {command(wait.asked)}{sent(wait.asked)}.")
        yield _line(
            wait.began, f"It waits {ordinal(place)} in line, {_behind(behind, at)}{_left(wait, moment)}."
        )
    if len(at.waits) > TOLD:
        last = at.waits[-1]
        yield _line(last.began, f"And {len(at.waits) - TOLD:,} more wait, {party(last.party)} last.")


def _behind(them: list[Party], at: LockAt) -> str:
    if them:
        verb = "hold" if them[0].role == "HOLDER" else "wait"
        verb += "s" if len(them) == 1 else ""
        return f"behind {parties(them, len(them))}, who {verb}"
    return "for the lock-delay to end" if at.lock.delay_until else "and is granted next"


def _left(wait: Spell, moment: Moment) -> str:
    if moment.commit is None:
        return ""
    so_far, left = moment.commit.time_ms - wait.began.time_ms, wait.until_lease_ms - moment.commit.lease_ms
    return f": for {duration(so_far)} so far, and for {duration(max(0, left))} more at the most"


def _refused(refusals: tuple[Refusal, ...], moment: Moment) -> Iterator[Line]:
    recent = [one for one in refusals if one.cause.time_ms >= moment.last_ms - SHORTLY_MS]
    groups = [tuple(group) for _, group in groupby(recent, key=_alike)]
    for group in groups[-TOLD:]:
        last = group[-1]
        cause = last.cause
        times = "" if len(group) == 1 else f" {len(group):,} times, here for the last time"
        name = who(cause.principal, cause.client, cause.handle)
        yield _line(cause, f"{name} {command(cause)} was refused{times}: {last.code}, {last.message}.")


def _alike(refusal: Refusal) -> tuple[str, ...]:
    cause = refusal.cause
    return (cause.principal, cause.client, cause.handle, cause.command, refusal.code)


def _gave_up(waits: tuple[Spell, ...], moment: Moment) -> Iterator[Line]:
    for wait in waits[-TOLD:]:
        ending = wait.ended
        if ending is not None and ending.cause.time_ms >= moment.last_ms - SHORTLY_MS:
            yield _line(ending.cause, given_up(wait, ending))


def _failed(at: LockAt) -> Iterator[Line]:
    if at.failed_timer is None or at.changed is None:
        return
    text = (
        f"The owner's timer failed ({at.failed_timer}): nothing of this lock ends or is granted by itself until "
        "somebody commands it. Please report it."
    )
    yield _line(at.changed, text)
