"""The words of a story: who, how long, how it ended. Pure; no wall time, so no time zone."""

from collections.abc import Sequence

from streams.domain.locks.commands import WaitEdge
from streams.replay.causes import Cause
from streams.replay.locks.spells import Departed, Ending, Party, Spell

NAMED = 3
"""Parties that a sentence names; the others are counted."""
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000


def duration(ms: int) -> str:
    """Return a length of time as people say it: 19 ms, 12.3 s, 3 min 5 s, 2 h 5 min, 3 d 4 h."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < _MINUTE:
        return f"{ms / 1000:.1f} s" if ms < 59_950 else "60 s"
    if ms < _HOUR:
        return _two(ms, _MINUTE, "min", 1000, "s")
    return _two(ms, _HOUR, "h", _MINUTE, "min") if ms < _DAY else _two(ms, _DAY, "d", _HOUR, "h")


def _two(ms: int, large_ms: int, large: str, small_ms: int, small: str) -> str:
    rest = ms % large_ms // small_ms
    return f"{ms // large_ms} {large}" + (f" {rest} {small}" if rest else "")


def ordinal(place: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, ..."""
    suffix = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{suffix}"


def who(principal: str, client: str, handle: str) -> str:
    """Return a holder's or waiter's name: principal/client/handle."""
    return f"{principal}/{client}/{handle}"


def party(one: Party) -> str:
    """Return who it is."""
    return who(one.principal, one.client, one.handle)


def parties(them: Sequence[Party], count: int) -> str:
    """Return the first few by name and how many more of `count` there are."""
    named = [party(one) for one in them[:NAMED]]
    more = count - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more > 0 else "")


def command(cause: Cause) -> str:
    """Return which command it was: (AcquireLock, its command 17)."""
    return f"({cause.command}, its command {cause.sequence})"


def actor(cause: Cause) -> str:
    """Return who or what made a decision come about."""
    if cause.lane == "TIMER":
        return "the owner's timer"
    if not cause.client:
        return f"the platform's {cause.command}"
    return f"{who(cause.principal, cause.client, cause.handle)} {command(cause)}"


def sent(cause: Cause) -> str:
    """Return how long a command was on its way, by its client's clock."""
    if not cause.client:
        return ""
    way = cause.time_ms - cause.issued_ms
    if way < 0:
        return f"; by its client's clock, which is ahead, it was first sent {duration(-way)} after it was decided"
    return f"; first sent {duration(way)} before it was decided, by its client's clock"


def wish(spell: Spell) -> str:
    """Return what was asked for."""
    if spell.asked.command == "UpgradeLock":
        return "asked to have its share made exclusive"
    also = f", priority {spell.priority}" if spell.priority else ""
    also += f", in transaction {spell.transaction.id}" if spell.transaction else ""
    return f"asked for it {spell.party.mode}, with leases of {duration(spell.ttl_ms)}{also}"


def departure(gone: Departed) -> str:
    """Return how a hold ended."""
    ending, name = gone.ending, party(gone.party)
    held = f"after it had held it for {duration(ending.cause.time_ms - gone.since_ms)}"
    if ending.how == "EXPIRED":
        delay = "" if ending.delay_until is None else f" A lock-delay until {ending.delay_until:,} began."
        if ending.reason:
            return f"The lease of {name} ended with its session, {held}: {ending.reason}.{delay}"
        return (
            f"The lease of {name} expired, {held}: it ran until lease time {gone.until_lease_ms:,}, and the clock "
            f"stood at {ending.cause.lease_ms:,} when {actor(ending.cause)} came.{delay}"
        )
    cause = ending.cause
    if (cause.principal, cause.client, cause.handle) == (
        gone.party.principal, gone.party.client, gone.party.handle,
    ):  # fmt: skip
        verb = "gave up the acquire that it held it by" if cause.command == "WithdrawLock" else "released it"
        return f"{name} {verb} {command(cause)}, {held}."
    return f"The hold of {name} was released by {actor(cause)}, {held}."


def path(cycle: Sequence[WaitEdge]) -> str:
    """Return a deadlock's cycle: t1 -[a]-> t2 -[b]-> t1."""
    return "".join(f"{edge.transaction} -[{edge.lock}]-> " for edge in cycle) + cycle[0].transaction


def given_up(wait: Spell, ending: Ending) -> str:
    """Return how a wait ended that got nothing."""
    name, waited = party(wait.party), duration(ending.cause.time_ms - wait.began.time_ms)
    match ending.how:
        case "TIMED_OUT":
            return (
                f"{name} waited for {waited} and was not granted in its time: it would wait until lease time "
                f"{wait.until_lease_ms:,}, and the clock stood at {ending.cause.lease_ms:,}."
            )
        case "ABORTED":
            return (
                f"{name}, after a wait of {waited}, was the victim that broke a deadlock: {path(ending.cycle)} "
                f"(by {actor(ending.cause)})."
            )
        case _:
            why = {
                "RELEASED": "the share that it would upgrade was released",
                "EXPIRED": "the share that it would upgrade expired",
                "SESSION_ENDED": "the session of its node ended",
            }.get(ending.reason, f"it was given up by {actor(ending.cause)}")
            return f"The wait of {name} ended after {waited}: {why}."
