"""Spells and their causes, for machines."""

from streams.replay.locks.spells import Ending, Party, Spell
from tidelock.cli.cause_facts import cause_facts


def party_facts(party: Party) -> dict[str, object]:
    """Return who holds or waits."""
    number = "token" if party.role == "HOLDER" else "ticket"
    return {
        "principal": party.principal,
        "client": party.client,
        "handle": party.handle,
        number: party.number,
        "mode": party.mode,
    }


def spell_facts(spell: Spell, now_ms: int) -> dict[str, object]:
    """Return one spell; of one that is open, `lasted_ms` is up to `now_ms`."""
    return {
        "role": spell.party.role,
        **party_facts(spell.party),
        "sequence": spell.sequence,
        "asked": cause_facts(spell.asked),
        "from": cause_facts(spell.began),
        "to": None if spell.ended is None else _ending_facts(spell.ended),
        "since_ms": spell.since.time_ms,
        "lasted_ms": spell.lasted_ms(now_ms),
        "until_lease_ms": spell.until_lease_ms,
        "renewals": spell.renewals,
        "priority": spell.priority,
        "upgrade_of": spell.upgrade_of,
        "transaction": None if spell.transaction is None else spell.transaction.id,
    }


def _ending_facts(ending: Ending) -> dict[str, object]:
    return cause_facts(ending.cause) | {
        "how": ending.how,
        "became": ending.became,
        "delay_until": ending.delay_until,
        "reason": ending.reason or None,
        "cycle": [
            {
                "transaction": edge.transaction,
                "lock": edge.lock,
                "ticket": edge.ticket,
                "blocker": edge.blocker,
            }
            for edge in ending.cycle
        ],
    }
