"""The locks of a moment: by the rule of `streams.projections.locks.tables.LOCK_HISTORY`, in SQL.

Walk back from the moment to the latest spell that has a keyframe or is the first of its stretch, at most 64 rows;
whatever is older and open then is in that keyframe.
"""

from typing import Final, LiteralString

from storage.postgres.asking import with_stands
from storage.postgres.floors import forgotten
from storage.postgres.reads_sql import SPELL

BACK: Final = 64
MAX_EXAMINED: Final = 5_000
"""So many names at most are looked at for one page."""

TABLES: Final[LiteralString] = "'lock_history'"
_OFFSET: Final[LiteralString] = "offset"
_TIME: Final[LiteralString] = "ms"


def _open_spells(unit: LiteralString, name: LiteralString, partition: LiteralString) -> LiteralString:
    """Return the spells of a name that are open at %(at)s, which is an offset or a time, with when it last changed."""
    return f"""
        WITH back AS MATERIALIZED (
            SELECT h.* FROM tidelock.lock_history h
            WHERE h.tenant = %(tenant)s AND h.name = {name} AND h.from_{unit} <= %(at)s
            ORDER BY h.from_{unit} DESC, h.from_event DESC LIMIT 64
        ), anchor AS MATERIALIZED (
            SELECT b.from_event, b.keyframe FROM back b WHERE b.keyframe IS NOT NULL OR b.spell = 1
            ORDER BY b.from_event DESC LIMIT 1
        ), known AS (
            SELECT b.* FROM back b JOIN anchor a ON b.from_event >= a.from_event
            UNION ALL
            SELECT h.* FROM anchor a CROSS JOIN unnest(a.keyframe) AS k (event)
            JOIN tidelock.lock_history h ON h.partition = {partition} AND h.from_event = k.event
            WHERE k.event < a.from_event
        ), dated AS (
            SELECT k.*, max(greatest(k.from_offset, CASE WHEN k.to_{unit} <= %(at)s THEN k.to_offset END))
                OVER () AS changed_offset,
                max(greatest(k.from_ms, CASE WHEN k.to_{unit} <= %(at)s THEN k.to_ms END)) OVER () AS changed_ms
            FROM known k
        )
        SELECT h.* FROM dated h WHERE h.to_{unit} IS NULL OR h.to_{unit} > %(at)s"""


def _one(unit: LiteralString) -> LiteralString:
    spells = _open_spells(unit, "%(name)s", "%(partition)s")
    return with_stands(
        f"SELECT {SPELL}, h.changed_offset, h.changed_ms FROM ({spells}) h ORDER BY h.from_event",
        SPELL_COLUMNS + 2,
        last=forgotten(TABLES, by_offset=unit == _OFFSET),
    )


def _page(unit: LiteralString) -> LiteralString:
    """Walk over names by the index, one look-up each; join what was open of each."""
    a_name = """SELECT h.name, h.partition FROM tidelock.lock_history h
            WHERE h.tenant = %(tenant)s AND h.name > {after} AND h.name >= %(prefix)s AND h.name < %(below)s
            ORDER BY h.name LIMIT 1"""
    first, following = a_name.replace("{after}", "%(after)s"), a_name.replace("{after}", "n.name")
    spells = _open_spells(unit, "n.name", "n.partition")
    wanted = "(%(partition)s::bigint IS NULL OR n.partition = %(partition)s)"
    return with_stands(
        f"""
        WITH RECURSIVE names AS (
            (SELECT f.name, f.partition, 1 AS examined FROM ({first}) f)
            UNION ALL
            SELECT f.name, f.partition, n.examined + 1 FROM names n CROSS JOIN LATERAL ({following}) f
            WHERE n.examined < %(examined)s
        ), found AS (
            SELECT n.name, n.partition, n.examined, s.spells FROM names n LEFT JOIN LATERAL (
                SELECT jsonb_agg(to_jsonb(h) ORDER BY h.from_event) AS spells FROM ({spells}) h
            ) s ON {wanted}
            WHERE s.spells IS NOT NULL OR n.examined = %(examined)s
            LIMIT %(limit)s
        )
        SELECT f.partition, f.name, f.examined, f.spells::text FROM found f""",
        4,
        last=forgotten(TABLES, by_offset=unit == _OFFSET) + "::text",
    )


SPELL_COLUMNS: Final = SPELL.count(",") + 1
ONE_AT_OFFSET: Final = _one(_OFFSET)
ONE_AT_TIME: Final = _one(_TIME)
PAGE_AT_OFFSET: Final = _page(_OFFSET)
PAGE_AT_TIME: Final = _page(_TIME)
