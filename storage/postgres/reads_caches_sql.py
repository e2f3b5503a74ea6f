"""What the reads of caches ask PostgreSQL. Texts only; a tenant is in every one.

`%(name)s` are parameters; whatever is put together here comes from this file. Shards are found by tenant and name;
listeners, and what is under way, hang on a shard's partition and incarnation; lines on those of a value.
"""

from typing import Final, LiteralString

from storage.postgres.asking import with_stands
from storage.postgres.floors import forgotten

_SHARD: Final[LiteralString] = """
    s.partition, s.cache, s.shard, s.incarnation, s.version, s.settings::text, s.closing, s.entries, s.bytes,
    s.modified, s.exclusive, s.shared, s.listeners, s.waiting, s.filling, s.changing, s.changed_offset, s.changed_ms"""
_SHARD_COLUMNS: Final = 18


def _of_names(names: LiteralString) -> LiteralString:
    return with_stands(
        f"""WITH names AS MATERIALIZED ({names}) SELECT {_SHARD} FROM names n
            JOIN tidelock.cache_shards s ON s.tenant = %(tenant)s AND s.cache = n.cache ORDER BY s.cache, s.shard""",
        _SHARD_COLUMNS,
    )


NAMED: Final = _of_names("SELECT DISTINCT unnest(%(names)s::text[]) AS cache")


def caches(prefix: bool) -> LiteralString:
    """Return the text for a page of caches: a row a shard."""
    condition: LiteralString = " AND h.cache >= %(prefix)s AND h.cache < %(below)s" if prefix else ""
    return _of_names(
        f"""SELECT h.cache FROM tidelock.cache_shards h
            WHERE h.tenant = %(tenant)s AND h.cache > %(after)s AND h.shard = 0{condition}
            ORDER BY h.cache LIMIT %(limit)s"""
    )


def _then(condition: LiteralString, order: LiteralString, *, by_offset: bool) -> LiteralString:
    return with_stands(
        f"""
        SELECT t.partition, t.cache, t.shard, t.incarnation, t.version, c.settings::text, t.closing, t.entries, t.bytes,
            t.modified, t.exclusive, t.shared, t.listeners, t.waiting, t.filling, t.changing, t.offset_, t.at_ms
        FROM generate_series(0, 63) AS n (shard)
        CROSS JOIN LATERAL (
            SELECT h.* FROM tidelock.cache_history h
            WHERE h.tenant = %(tenant)s AND h.cache = %(cache)s AND h.shard = n.shard AND {condition}
            ORDER BY {order} LIMIT 1
        ) t
        CROSS JOIN LATERAL (
            SELECT x.settings FROM tidelock.cache_history x
            WHERE x.partition = t.partition AND x.tenant = %(tenant)s AND x.cache = t.cache AND x.shard = t.shard
                AND x.offset_ <= t.offset_ AND x.settings IS NOT NULL
            ORDER BY x.offset_ DESC LIMIT 1
        ) c
        WHERE NOT t.deleted ORDER BY t.shard""",
        _SHARD_COLUMNS,
        last=forgotten("'cache_history'", by_offset=by_offset),
    )


AT_OFFSET: Final = _then(
    "h.partition = %(partition)s AND h.offset_ <= %(at)s", "h.offset_ DESC", by_offset=True
)
AT_TIME: Final = _then("h.at_ms <= %(at)s", "h.at_ms DESC, h.offset_ DESC", by_offset=False)

_VALUE: Final[LiteralString] = """
    v.partition, v.cache, v.shard, v.incarnation, v.entry, v.version, v.cause, v.bytes, v.digest, v.value_event,
    v.value_offset, v.tags::text, v.ttl_ms, v.expires_lease_ms, v.expires_ms, v.principal, v.client, v.from_event,
    v.from_offset, v.from_ms, v.to_offset, v.to_ms, v.ended"""
VALUE_COLUMNS: Final = 23
_OF_ENTRY: Final[LiteralString] = "v.tenant = %(tenant)s AND v.cache = %(cache)s AND v.entry = %(entry)s"


def entries(prefix: bool, tag: bool) -> LiteralString:
    """Return the text for a page of values that stand."""
    conditions: LiteralString = " AND v.entry >= %(prefix)s AND v.entry < %(below)s" if prefix else ""
    if tag:
        conditions += " AND v.tags @> jsonb_build_array(%(tag)s::text)"
    return with_stands(
        f"""SELECT {_VALUE} FROM tidelock.cache_entries v
            WHERE v.tenant = %(tenant)s AND v.cache = %(cache)s AND v.to_event IS NULL
                AND v.entry > %(after)s{conditions}
            ORDER BY v.entry LIMIT %(limit)s""",
        VALUE_COLUMNS,
    )


VALUES: Final = with_stands(
    f"""SELECT {_VALUE} FROM tidelock.cache_entries v
        WHERE {_OF_ENTRY} AND (v.from_ms, v.from_event) < (%(from_ms)s, %(event)s)
        ORDER BY v.from_ms DESC, v.from_event DESC LIMIT %(limit)s""",
    VALUE_COLUMNS,
)

_LINE: Final[LiteralString] = """
    l.partition, l.entry, l.attachment, l.version, l.token, l.state, l.principal, l.client, l.session, l.from_event,
    l.from_offset, l.from_ms, l.to_offset, l.to_ms, l.ended"""

LINES: Final = with_stands(
    f"""SELECT {_LINE} FROM tidelock.cache_lines l
        WHERE l.tenant = %(tenant)s AND l.cache = %(cache)s AND l.entry = %(entry)s
            AND (l.from_ms, l.from_event, l.attachment) < (%(from_ms)s, %(event)s, %(attachment)s)
        ORDER BY l.from_ms DESC, l.from_event DESC, l.attachment DESC LIMIT %(limit)s""",
    15,
)

_PENDING: Final[LiteralString] = """
    SELECT p.what, p.purpose, p.attachment, p.principal, p.client, p.bytes, p.digest, p.until_lease_ms, p.until_ms,
        p.from_ms
    FROM tidelock.cache_shards s
    JOIN tidelock.cache_pending p ON p.partition = s.partition AND p.incarnation = s.incarnation
    WHERE s.tenant = %(tenant)s AND s.cache = %(cache)s AND p.entry = %(entry)s AND p.what <> 'TAG'
    ORDER BY s.shard, p.event LIMIT 100"""
_NONE: Final[LiteralString] = "SELECT 1 WHERE false"
_OF_ENTRIES: Final[LiteralString] = "'cache_entries', 'cache_lines'"


def _entry(
    latest: LiteralString,
    order: LiteralString,
    stood: LiteralString,
    pending: LiteralString,
    last: LiteralString = "null",
) -> LiteralString:
    """Return the text for one entry: a row with its latest value, its lines and what is under way, as JSON."""
    lines: LiteralString = f"""FROM tidelock.cache_lines l
        WHERE l.partition = v.partition AND l.incarnation = v.incarnation AND l.entry = v.entry
            AND l.version = v.version AND {stood}"""
    return with_stands(
        f"""
        SELECT {_VALUE},
            (SELECT json_agg(x) FROM (
                SELECT {_LINE} {lines} ORDER BY l.from_event, l.attachment LIMIT 100) x)::text,
            (SELECT count(*) {lines}),
            (SELECT json_agg(x) FROM ({pending}) x)::text
        FROM (SELECT 1) one LEFT JOIN LATERAL (
            SELECT * FROM tidelock.cache_entries v WHERE {_OF_ENTRY}{latest} ORDER BY {order} LIMIT 1
        ) v ON true""",
        VALUE_COLUMNS + 3,
        last,
    )


_BY_TIME: Final[LiteralString] = "v.from_ms DESC, v.from_event DESC"
ENTRY: Final = _entry("", _BY_TIME, "l.to_event IS NULL", _PENDING)
ENTRY_AT_TIME: Final = _entry(
    " AND v.from_ms <= %(at)s",
    _BY_TIME,
    "l.from_ms <= %(at)s AND (l.to_ms IS NULL OR l.to_ms > %(at)s)",
    _NONE,
    forgotten(_OF_ENTRIES, by_offset=False) + "::text",
)
ENTRY_AT_OFFSET: Final = _entry(
    " AND v.partition = %(partition)s AND v.from_offset <= %(at)s",
    "v.from_offset DESC, v.from_event DESC",
    "l.from_offset <= %(at)s AND (l.to_offset IS NULL OR l.to_offset > %(at)s)",
    _NONE,
    forgotten(_OF_ENTRIES, by_offset=True) + "::text",
)

LISTENERS: Final = with_stands(
    """
    SELECT s.partition, s.cache, s.shard, i.attachment, i.principal, i.client, i.session, i.expires_lease_ms,
        i.expires_ms, i.posted, i.acked, i.reset, i.gone, c.lines, i.joined_offset, i.joined_ms
    FROM tidelock.cache_shards s
    JOIN tidelock.cache_listeners i ON i.partition = s.partition AND i.incarnation = s.incarnation
    CROSS JOIN LATERAL (SELECT count(*) AS lines FROM (
        SELECT 1 FROM tidelock.cache_lines l
        WHERE l.partition = i.partition AND l.incarnation = i.incarnation AND l.attachment = i.attachment
            AND l.to_event IS NULL
        LIMIT %(max_lines)s) x) c
    WHERE s.tenant = %(tenant)s AND s.cache = %(cache)s AND (s.shard, i.attachment) > (%(shard)s, %(attachment)s)
    ORDER BY s.shard, i.attachment LIMIT %(limit)s""",
    16,
)

WINDOWS: Final[LiteralString] = """
    SELECT w.partition, w.tenant, w.cache, w.start_ms, w.commands, w.rejected, w.reads, w.granted_exclusive,
        w.granted_shared, w.granted_modified, w.uncached, w.writes, w.deletes, w.write_backs, w.fills, w.fills_failed,
        w.warmed, w.invalidations, w.recalls, w.resets, w.evicted, w.expired, w.tagged, w.lost, w.entries, w.bytes,
        w.modified, w.exclusive, w.shared, w.listeners, w.waiting, w.filling, w.changing, w.waits::text,
        w.changed_offset, w.closed
    FROM tidelock.cache_windows w
    WHERE w.tenant = %(tenant)s AND w.cache = ANY (%(caches)s::text[])
        AND w.start_ms >= %(from_ms)s AND w.start_ms < %(to_ms)s
    ORDER BY w.cache, w.start_ms DESC, w.partition"""
