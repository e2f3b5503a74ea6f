"""What the reads of locks ask PostgreSQL. Texts only; a tenant is in every one.

`%(name)s` are parameters; whatever is put together here comes from this file.
"""

from typing import Final, LiteralString

from storage.postgres.asking import STANDS

LOCK: Final[LiteralString] = """
    l.partition, l.name, l.mode, l.holder_count, l.waiter_count, l.delay_until_lease_ms, l.token, l.holders::text,
    l.waiting, l.since_ms, l.changed_offset, l.changed_ms"""

LOCKS_BY_NAME: Final[LiteralString] = f"""
    SELECT {LOCK}, c.stands FROM ({STANDS}) c
    LEFT JOIN (
        unnest(%(partitions)s::bigint[], %(names)s::text[]) AS k (partition, name)
        JOIN tidelock.locks l ON l.partition = k.partition AND l.tenant = %(tenant)s AND l.name = k.name
    ) ON true"""


WAITER: Final[LiteralString] = """
    w.partition, w.name, w.ticket, w.principal, w.client, w.handle, w.sequence, w.mode, w.priority, w.ttl_ms,
    w.wait_until_lease_ms, w.upgrade_of, w.transaction_id, w.transaction_started_ms, w.since_offset, w.since_ms"""

WAITERS_OF: Final[LiteralString] = f"""
    SELECT {WAITER} FROM tidelock.lock_waiters w
    JOIN unnest(%(partitions)s::bigint[], %(tickets)s::bigint[]) AS k (partition, ticket)
        ON w.partition = k.partition AND w.ticket = k.ticket
    WHERE w.tenant = %(tenant)s"""

SPELL: Final[LiteralString] = """
    h.partition, h.from_event, h.name, h.role, h.principal, h.client, h.handle, h.sequence, h.token, h.mode,
    h.priority, h.ttl_ms, h.until_lease_ms, h.upgrade_of, h.lock_delay_ms, h.transaction_id,
    h.transaction_started_ms, h.session, h.from_offset, h.from_ms, h.to_offset, h.to_ms, h.ended"""

HISTORY: Final[LiteralString] = f"""
    SELECT {SPELL} FROM tidelock.lock_history h
    WHERE h.tenant = %(tenant)s AND h.name = %(name)s AND (h.from_offset, h.from_event) < (%(offset)s, %(event)s)
    ORDER BY h.from_offset DESC, h.from_event DESC LIMIT %(limit)s"""

DEADLOCKS: Final[LiteralString] = """
    SELECT d.partition, d.event, d.name, d.ticket, d.transaction_id, d.principal, d.client, d.handle, d.sequence,
        d.cycle::text, d.offset_, d.at_ms
    FROM tidelock.deadlocks d
    WHERE d.tenant = %(tenant)s AND (d.at_ms, d.partition, d.event) < (%(at_ms)s, %(partition)s, %(event)s)
    ORDER BY d.at_ms DESC, d.partition DESC, d.event DESC LIMIT %(limit)s"""

QUEUES: Final[LiteralString] = f"""
    WITH page AS MATERIALIZED (
        SELECT w.partition, w.name, w.ticket FROM tidelock.lock_waiters w
        WHERE w.tenant = %(tenant)s AND (w.name, w.ticket) > (%(name)s, %(ticket)s) AND w.name < %(below)s
        ORDER BY w.name, w.ticket LIMIT %(limit)s
    )
    SELECT {WAITER}, l.waiting, CASE WHEN w.ticket = l.waiting[1] THEN l.holders::text END, p.ticket IS NOT NULL
    FROM (SELECT DISTINCT partition, name FROM page) n
    JOIN tidelock.locks l ON l.partition = n.partition AND l.tenant = %(tenant)s AND l.name = n.name
    JOIN tidelock.lock_waiters w ON w.partition = n.partition AND w.tenant = %(tenant)s AND w.name = n.name
    LEFT JOIN page p ON p.partition = w.partition AND p.ticket = w.ticket
    ORDER BY w.name, w.ticket"""
"""The whole queues of the locks of a page of waiters; the last column tells who is on the page."""
