"""A lock of the past, from the spells that were open then. Pure."""

from collections.abc import Sequence

from streams.projections.locks.reads import SHOWN, HolderRow, LockRow, SpellRow, WaiterRow, free_lock
from streams.projections.reads import AsOf


def lock_of_spells(
    partition: int, name: str, spells: Sequence[SpellRow], changed: tuple[int, int] | None, when: AsOf
) -> LockRow:
    """Return the lock whose open spells these are; `changed`: offset and time of its last change.

    The queue is by priority, then age; a waiter that was overtaken too often stood further ahead. A lock-delay is not
    told: no spell has it.
    """
    if changed is None or not spells:
        return free_lock(partition, name, when)
    holders = [_holder(spell) for spell in spells if spell.role == "HOLDER"]
    waiting = sorted(
        [spell for spell in spells if spell.role == "WAITER"],
        key=lambda one: (-(one.priority or 0), one.token),
    )
    queue = [_waiter(spell, place) for place, spell in enumerate(waiting, 1)]
    return LockRow(
        partition,
        name,
        holders[0].mode if holders else "FREE",
        len(holders),
        len(queue),
        None,
        max([holder.token for holder in holders], default=None),
        tuple(holders[:SHOWN]),
        tuple([one.ticket for one in queue]),
        min([spell.from_ms for spell in spells]),
        *changed,
        when,
        tuple(queue[:SHOWN]),
    )


def _holder(spell: SpellRow) -> HolderRow:
    return HolderRow(
        spell.principal,
        spell.client,
        spell.handle,
        spell.sequence,
        spell.token,
        spell.mode,
        spell.ttl_ms,
        spell.until_lease_ms,
        spell.lock_delay_ms,
        spell.transaction,
        spell.from_ms,
        spell.from_offset,
    )


def _waiter(spell: SpellRow, place: int) -> WaiterRow:
    return WaiterRow(
        spell.partition,
        spell.name,
        place,
        spell.token,
        spell.principal,
        spell.client,
        spell.handle,
        spell.sequence,
        spell.mode,
        spell.priority or 0,
        spell.ttl_ms,
        spell.until_lease_ms,
        spell.upgrade_of,
        spell.transaction,
        spell.from_offset,
        spell.from_ms,
    )
