"""What the reads of queues ask PostgreSQL. Texts only; a tenant is in every one.

`%(name)s` are parameters; whatever is put together here comes from this file. Shards are found by tenant and name;
messages hang on a shard's partition and incarnation.
"""

from typing import Final, LiteralString

from storage.postgres.asking import with_stands
from storage.postgres.floors import forgotten

_OLDEST: Final[LiteralString] = """
    SELECT min(o.enqueued_ms) AS oldest_ms FROM unnest(ARRAY['READY', 'DELAYED', 'LEASED']) AS st (state)
    CROSS JOIN LATERAL (
        SELECT d.enqueued_ms FROM tidelock.queue_deliveries d
        WHERE d.partition = u.partition AND d.incarnation = u.incarnation AND d.subscription = u.subscription
            AND d.state = st.state
        ORDER BY d.number LIMIT 1
    ) o"""
"""The least number of each state is the oldest of it: three look-ups."""

_SHARD: Final[LiteralString] = """
    s.partition, s.queue, s.shard, s.incarnation, s.version, s.settings::text, s.epoch, s.shards, s.previous,
    s.messages, s.bytes, s.ready, s.delayed, s.leased, s.dead, s.moving, s.waiting, s.changed_offset,
    s.changed_ms, s.next_message, s.created_ms"""
_SHARDS: Final[LiteralString] = """FROM names n
    JOIN tidelock.queue_shards s ON s.tenant = %(tenant)s AND s.queue = n.queue"""
_BARE: Final[LiteralString] = f"SELECT {_SHARD} {_SHARDS} ORDER BY s.queue, s.shard"
_BARE_COLUMNS: Final = 21
_WHOLE: Final[LiteralString] = f"""
    SELECT {_SHARD}, u.subscription, u.ready, u.delayed, u.leased, u.dead, u.moving, u.waiting, o.oldest_ms
    {_SHARDS}
    LEFT JOIN tidelock.queue_subscriptions u ON u.partition = s.partition AND u.incarnation = s.incarnation
    LEFT JOIN LATERAL ({_OLDEST}) o ON u.partition IS NOT NULL
    ORDER BY s.queue, s.shard, u.subscription"""
_WHOLE_COLUMNS: Final = 29


def queues(conditions: LiteralString, whole: bool) -> LiteralString:
    """Return the text for a page of queues: a row a shard, and, of `whole` ones, a subscription."""
    return _of_names(
        f"""SELECT h.queue FROM tidelock.queue_shards h
            WHERE h.tenant = %(tenant)s AND h.queue > %(after)s AND h.shard = 0{conditions}
            ORDER BY h.queue LIMIT %(limit)s""",
        whole,
    )


def named(whole: bool) -> LiteralString:
    """Return the text for queues by their names, with the same rows."""
    return _of_names("SELECT DISTINCT unnest(%(names)s::text[]) AS queue", whole)


def _of_names(names: LiteralString, whole: bool) -> LiteralString:
    rows, columns = (_WHOLE, _WHOLE_COLUMNS) if whole else (_BARE, _BARE_COLUMNS)
    return with_stands(f"WITH names AS MATERIALIZED ({names}) {rows}", columns)


PREFIX: Final[LiteralString] = " AND h.queue >= %(prefix)s AND h.queue < %(below)s"
PAUSED: Final[LiteralString] = " AND h.paused = %(paused)s"
DEAD: Final[LiteralString] = """ AND %(dead)s = EXISTS (
    SELECT 1 FROM tidelock.queue_shards x WHERE x.tenant = %(tenant)s AND x.queue = h.queue AND x.dead > 0)"""


def _then(condition: LiteralString, order: LiteralString, *, by_offset: bool) -> LiteralString:
    return with_stands(
        f"""
        SELECT t.partition, t.queue, t.shard, t.incarnation, t.version, c.settings::text, t.epoch, t.shards, t.previous,
            t.messages, t.bytes, t.ready, t.delayed, t.leased, t.dead, t.moving, t.waiting, t.offset_, t.at_ms
        FROM generate_series(0, 63) AS n (shard)
        CROSS JOIN LATERAL (
            SELECT h.* FROM tidelock.queue_history h
            WHERE h.tenant = %(tenant)s AND h.queue = %(queue)s AND h.shard = n.shard AND {condition}
            ORDER BY {order} LIMIT 1
        ) t
        CROSS JOIN LATERAL (
            SELECT x.settings FROM tidelock.queue_history x
            WHERE x.partition = t.partition AND x.tenant = %(tenant)s AND x.queue = t.queue AND x.shard = t.shard
                AND x.offset_ <= t.offset_ AND x.settings IS NOT NULL
            ORDER BY x.offset_ DESC LIMIT 1
        ) c
        WHERE NOT t.deleted ORDER BY t.shard""",
        19,
        last=forgotten("'queue_history'", by_offset=by_offset),
    )


AT_OFFSET: Final = _then(
    "h.partition = %(partition)s AND h.offset_ <= %(at)s", "h.offset_ DESC", by_offset=True
)
AT_TIME: Final = _then("h.at_ms <= %(at)s", "h.at_ms DESC, h.offset_ DESC", by_offset=False)

_MESSAGE: Final[LiteralString] = """
    s.partition, s.queue, s.shard, d.incarnation, d.number, d.subscription, d.state, d.attempts, d.due_lease_ms,
    d.due_ms, d.token, d.principal, d.client, d.handle, d.reason, d.target, d.since_ms, d.changed_offset,
    m.group_, m.key, m.priority, m.dedup_id, m.headers::text, m.payload, m.stray, m.origin::text,
    m.principal AS enqueued_by, m.client AS enqueued_from, m.enqueued_offset, m.enqueued_ms"""
MESSAGE_COLUMNS: Final = 30
_BODY: Final[LiteralString] = """tidelock.queue_messages m
        ON m.partition = d.partition AND m.incarnation = d.incarnation AND m.number = d.number"""


def messages(conditions: LiteralString) -> LiteralString:
    """Return the text for a page of messages of one subscription."""
    return with_stands(
        f"""
        SELECT p.* FROM (
            SELECT * FROM tidelock.queue_shards
            WHERE tenant = %(tenant)s AND queue = %(queue)s AND shard >= %(after_shard)s ORDER BY shard
        ) s CROSS JOIN LATERAL (
            SELECT {_MESSAGE} FROM tidelock.queue_deliveries d JOIN {_BODY}
            WHERE d.partition = s.partition AND d.incarnation = s.incarnation AND d.subscription = %(subscription)s
                AND d.number > CASE WHEN s.shard = %(after_shard)s THEN %(after_number)s::bigint ELSE 0 END{conditions}
            ORDER BY d.number LIMIT %(limit)s
        ) p
        ORDER BY p.shard, p.number LIMIT %(limit)s""",
        MESSAGE_COLUMNS,
    )


STATE: Final[LiteralString] = " AND d.state = %(state)s"
GROUP: Final[LiteralString] = " AND m.group_ = %(group)s"
REASON: Final[LiteralString] = " AND strpos(d.reason, %(reason)s) > 0"
SHARD: Final[LiteralString] = " AND s.shard = %(shard)s"

MESSAGE: Final[LiteralString] = with_stands(
    f"""
    SELECT {_MESSAGE} FROM tidelock.queue_shards s
    JOIN tidelock.queue_deliveries d ON d.partition = s.partition AND d.incarnation = s.incarnation JOIN {_BODY}
    WHERE s.partition = %(partition)s AND s.tenant = %(tenant)s AND s.queue = %(queue)s AND s.shard = %(shard)s
        AND s.incarnation = %(incarnation)s AND d.number = %(number)s
        AND d.subscription IN (
            SELECT u.subscription FROM tidelock.queue_subscriptions u
            WHERE u.partition = %(partition)s AND u.incarnation = %(incarnation)s)
    ORDER BY d.subscription""",
    MESSAGE_COLUMNS,
)

_IS_OF: Final[LiteralString] = """h.partition = k.partition AND h.incarnation = k.incarnation
        AND h.block = k.block AND h.tenant = %(tenant)s AND h.queue = k.queue AND h.shard = k.shard
        AND k.number BETWEEN h.first_ AND h.last_ AND (h.numbers IS NULL OR k.number = ANY (h.numbers))"""
_STEPS: Final[LiteralString] = f"""
    SELECT h.* FROM tidelock.message_history h WHERE {_IS_OF}
    UNION ALL
    SELECT e.* FROM tidelock.message_history e
    WHERE e.partition = k.partition AND e.incarnation = k.incarnation AND e.block = -1
        AND e.tenant = %(tenant)s AND e.queue = k.queue AND e.shard = k.shard
        AND k.number BETWEEN e.first_ AND e.last_
        AND EXISTS (SELECT 1 FROM tidelock.message_history h WHERE {_IS_OF})
        AND NOT EXISTS (
            SELECT 1 FROM tidelock.message_history h
            WHERE {_IS_OF} AND h.subscription = e.subscription AND h.what IN ('ACKED', 'PURGED', 'MOVED'))"""
"""All that happened to message `k`; the end of all that a subscription had is its end if nothing else was, and it is
not forgotten."""
_STEP: Final[LiteralString] = """
    t.partition, t.event, t.part, t.subscription, t.what, t.first_, t.numbers, t.attempts, t.due_lease_ms, t.due_ms,
    t.token, t.principal, t.client, t.handle, t.cause, t.reason, t.target, t.origin::text, t.offset_, t.at_ms"""
_STEP_COLUMNS: Final = 20

_FORGOTTEN: Final[LiteralString] = f"""
    SELECT max(r.from_ms) AS kept_from_ms
    FROM tidelock.forgotten f JOIN tidelock.retention r ON r.name = f.name
    WHERE f.name = 'message_history' AND f.partition = k.partition
        AND NOT EXISTS (SELECT 1 FROM tidelock.message_history h WHERE {_IS_OF})"""
"""From when on steps are kept, if those of message `k` may be among what was forgotten: it has none."""

BIOGRAPHIES: Final[LiteralString] = with_stands(
    f"""
    SELECT k.place, s.*, g.kept_from_ms FROM unnest(
        %(partitions)s::bigint[], %(queues)s::text[], %(shards)s::bigint[], %(incarnations)s::bigint[],
        %(numbers)s::bigint[], %(blocks)s::bigint[], %(events)s::bigint[], %(parts)s::bigint[], %(limits)s::bigint[]
    ) WITH ORDINALITY AS k (partition, queue, shard, incarnation, number, block, event, part, most, place)
    LEFT JOIN LATERAL (
        SELECT {_STEP} FROM ({_STEPS}) t WHERE (t.event, t.part) > (k.event, k.part)
        ORDER BY t.event, t.part LIMIT k.most
    ) s ON true
    LEFT JOIN LATERAL ({_FORGOTTEN}) g ON s.event IS NULL
    WHERE s.event IS NOT NULL OR g.kept_from_ms IS NOT NULL
    ORDER BY k.place, s.event, s.part""",
    1 + _STEP_COLUMNS + 1,
)


_K: Final[LiteralString] = """(VALUES (
            %(partition)s::bigint, %(queue)s::text, %(shard)s::bigint, %(incarnation)s::bigint, %(number)s::bigint,
            %(block)s::bigint
        )) AS k (partition, queue, shard, incarnation, number, block)"""
_NO_STEPS: Final[LiteralString] = f"(SELECT g.kept_from_ms FROM {_K} CROSS JOIN LATERAL ({_FORGOTTEN}) g)"


def _last_step(condition: LiteralString, *, by_offset: bool) -> LiteralString:
    too_early = forgotten("'message_history'", by_offset=by_offset)
    return with_stands(
        f"""
        SELECT s.* FROM {_K} CROSS JOIN LATERAL (
            SELECT {_STEP} FROM ({_STEPS}) t
            WHERE {condition} AND t.subscription IN (%(subscription)s, '')
            ORDER BY t.event DESC, t.part DESC LIMIT 1
        ) s""",
        _STEP_COLUMNS,
        last=f"coalesce({too_early}, {_NO_STEPS})",
    )


STEP_AT_OFFSET: Final = _last_step("t.offset_ <= %(at)s", by_offset=True)
STEP_AT_TIME: Final = _last_step("t.at_ms <= %(at)s", by_offset=False)

WINDOWS: Final[LiteralString] = """
    SELECT w.partition, w.tenant, w.queue, w.start_ms, w.commands, w.rejected, w.enqueued, w.delivered, w.retried,
        w.acked, w.returned, w.expired, w.dead, w.redriven, w.purged, w.ready, w.delayed, w.leased, w.dead_letters,
        w.moving, w.bytes, w.waiting, w.oldest_ms, w.waits::text, w.works::text, w.changed_offset, w.closed
    FROM tidelock.queue_windows w
    WHERE w.tenant = %(tenant)s AND w.queue = ANY (%(queues)s::text[])
        AND w.start_ms >= %(from_ms)s AND w.start_ms < %(to_ms)s
    ORDER BY w.queue, w.start_ms DESC, w.partition"""
