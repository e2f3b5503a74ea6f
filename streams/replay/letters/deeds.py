"""What operators do to dead letters: a redrive that was planned, a purge, and the note that each leaves."""

from collections.abc import Awaitable, Callable

from streams.log.letters import LetterAction
from streams.replay.letters.desk import LetterDesk
from streams.replay.letters.errors import NoSuchLetter, OthersLetters, TooManyLetters
from streams.replay.letters.plan import Plan
from streams.replay.letters.shelf import Filed, Wanted, letter_at, search

OWN_SCAN = 10_000
"""So many records a purge of one tenant's letters looks through, and deletes, at the most."""
OWN_SCAN_S = 10.0


async def redriven(desk: LetterDesk, plan: Plan, by: str, rebuild: Callable[[str], Awaitable[object]]) -> str:
    """Do it; return what was done. Raises the first `LetterError` of the plan, `PortError`, what `rebuild` raises.

    Letters that were purged since it was planned keep all back; if a purge comes later yet, both leave their notes.
    """
    plan.check()
    there = await desk.letters.bounds()
    for one in plan.steps:
        if one.id < there[0]:
            raise NoSuchLetter(one.id, None if plan.tenant else there)
    await desk.send([(one.where, one.body) for one in plan.commands])
    told = f"redrove {len(plan.steps)} dead letters: {len(plan.commands)} commands sent, rebuilt: "
    told += ", ".join(plan.rebuilds) or "nothing"
    await desk.note(LetterAction("REDRIVEN", by, tuple(one.id for one in plan.steps), told))
    for name in plan.rebuilds:
        await rebuild(name)
    return told


async def purgeable(desk: LetterDesk, through: int, tenant: str = "") -> Filed:
    """Return the last letter that would go. Raises `NoSuchLetter`, `LogUnavailable`.

    `tenant`: whose all of them must be, else `OthersLetters`, `TooManyLetters`; empty: anybody's.
    """
    filed = await letter_at(desk.letters, through, tenant)
    if tenant:
        found = await search(desk.letters, Wanted(), OWN_SCAN, OWN_SCAN, through + 1, OWN_SCAN_S)
        if not found.all:
            raise TooManyLetters(
                f"{through + 1 - found.first:,} records are too many to look through and purge at once. "
                f"Purge in steps of {OWN_SCAN:,} at the most, fewer where letters are large."
            )
        others = [each.id for each in found.letters if each.letter.tenant != tenant]
        others += [found.strange] if found.unreadable else []
        if others:
            own = [each.id for each in found.letters if each.id < min(others)]
            raise OthersLetters(through, own[-1] if own else None)
    return filed


async def purged(desk: LetterDesk, through: int, by: str) -> int:
    """Delete all letters up to one; return how many records that were. Raises `PortError`."""
    first, _ = await desk.letters.bounds()
    count = max(0, through + 1 - first)
    told = f"purged {count} records up to dead letter {through}"
    await desk.note(LetterAction("PURGED", by, (through,), told))  # first: no purge is without its note
    await desk.purge(through)
    return count
