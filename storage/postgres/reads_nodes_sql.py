"""What the reads of nodes ask PostgreSQL. Texts only; a tenant is in every one.

`%(name)s` are parameters; whatever is put together here comes from this file. Columns come in the order of
`streams.projections.nodes.tables`; a test holds the two together.
"""

from typing import Final, LiteralString

from storage.postgres.asking import with_stands
from storage.postgres.floors import forgotten

NODE: Final[LiteralString] = """
    h.partition, h.name, h.status, h.since_ms, h.session, h.principal, h.client, h.registered_offset, h.registered_ms,
    h.address, h.zone, h.labels::text, h.capacity, h.metadata::text, h.timeout_ms, h.draining, h.drained_by,
    h.drained_why, h.checks::text, h.health, h.load, h.heard_ms, h.evidence::text, h.cause, h.cause_id, h.ended_by,
    h.ended_why, h.ended_ms, h.strikes, h.barred_ms, h.unswept::text, h.event, h.changed_offset, h.changed_ms"""
NODE_COLUMNS: Final = 34
SERVICE: Final[LiteralString] = """
    h.partition, h.name, h.version, h.instance_count, h.healthy_count, h.draining_count, h.since_ms, h.changed_offset,
    h.changed_ms"""
SERVICE_COLUMNS: Final = 9
INSTANCE: Final[LiteralString] = """
    i.partition, i.service, i.instance, i.session, i.principal, i.address, i.zone, i.weight, i.metadata::text, i.rise,
    i.fall, i.healthy, i.draining, i.reason, i.version, i.since_offset, i.since_ms, i.event, i.changed_offset,
    i.changed_ms"""
INSTANCE_COLUMNS: Final = 20
BRAKE: Final[LiteralString] = """
    h.partition, h.settings::text, h.pulled, h.pulled_ms, h.pulled_by, h.cause, h.release_ms, h.alarm::text, h.event,
    h.changed_offset, h.changed_ms"""
BRAKE_COLUMNS: Final = 11
_INSTANCE_CHANGE: Final[LiteralString] = (
    f"i.part, i.what, i.cause AS left_by, i.why, i.spell, i.keyframe, {INSTANCE}"
)


def nodes(conditions: LiteralString) -> LiteralString:
    """Return the text for a page of nodes."""
    return with_stands(
        f"""SELECT {NODE} FROM tidelock.nodes h WHERE h.tenant = %(tenant)s AND h.name > %(after)s{conditions}
            ORDER BY h.name LIMIT %(limit)s""",
        NODE_COLUMNS,
    )


PREFIX: Final[LiteralString] = " AND h.name >= %(prefix)s AND h.name < %(below)s"
STATUS: Final[LiteralString] = " AND h.status = %(status)s"
HEALTH: Final[LiteralString] = " AND h.health = %(health)s"
DRAINING: Final[LiteralString] = " AND h.draining = %(draining)s"
ZONE: Final[LiteralString] = " AND h.zone = %(zone)s"
LABELS: Final[LiteralString] = " AND h.labels @> %(labels)s::jsonb"

NODES_BY_NAME: Final = with_stands(
    f"SELECT {NODE} FROM tidelock.nodes h WHERE h.tenant = %(tenant)s AND h.name = ANY (%(names)s::text[])",
    NODE_COLUMNS,
)


def _node_then(condition: LiteralString, order: LiteralString, *, by_offset: bool) -> LiteralString:
    return with_stands(
        f"""SELECT {NODE}, h.what FROM tidelock.node_history h
            WHERE h.tenant = %(tenant)s AND h.name = %(name)s AND {condition} ORDER BY {order} LIMIT 1""",
        NODE_COLUMNS + 1,
        last=forgotten("'node_history'", by_offset=by_offset) + "::text",
    )


_BY_OFFSET: Final[LiteralString] = "h.partition = %(partition)s AND h.changed_offset <= %(at)s"
_BY_TIME: Final[LiteralString] = "h.changed_ms <= %(at)s"
_NEWEST: Final[LiteralString] = "h.changed_offset DESC, h.event DESC"
_LATEST: Final[LiteralString] = "h.changed_ms DESC, h.changed_offset DESC, h.event DESC"
NODE_AT_OFFSET: Final = _node_then(_BY_OFFSET, _NEWEST, by_offset=True)
NODE_AT_TIME: Final = _node_then(_BY_TIME, _LATEST, by_offset=False)


def _until(table: LiteralString, same: LiteralString) -> LiteralString:
    """Return where and when the next row of the same is."""
    return f"""LEFT JOIN LATERAL (
        SELECT n.changed_offset AS until_offset, n.changed_ms AS until_ms FROM {table} n
        WHERE {same} AND (n.changed_offset, n.event) > (h.changed_offset, h.event)
        ORDER BY n.changed_offset, n.event LIMIT 1
    ) u ON true"""


_PAGES: Final[LiteralString] = """unnest(
        %(names)s::text[], %(offsets)s::bigint[], %(events)s::bigint[], %(parts)s::bigint[], %(limits)s::bigint[]
    ) WITH ORDINALITY AS k (name, before_offset, before_event, before_part, most, place)"""

NODE_HISTORIES: Final = with_stands(
    f"""
    SELECT k.place, h.what, h.by_, h.why, {NODE}, u.until_offset, u.until_ms
    FROM {_PAGES} CROSS JOIN LATERAL (
        SELECT * FROM tidelock.node_history x
        WHERE x.tenant = %(tenant)s AND x.name = k.name
            AND (x.changed_offset, x.event) < (k.before_offset, k.before_event)
        ORDER BY x.changed_offset DESC, x.event DESC LIMIT k.most
    ) h {_until("tidelock.node_history", "n.tenant = h.tenant AND n.name = h.name")}
    ORDER BY k.place, {_NEWEST}""",
    1 + 3 + NODE_COLUMNS + 2,
)


def services(conditions: LiteralString) -> LiteralString:
    """Return the text for a page of services."""
    return with_stands(
        f"""SELECT {SERVICE} FROM tidelock.services h
            WHERE h.tenant = %(tenant)s AND h.name > %(after)s{conditions} ORDER BY h.name LIMIT %(limit)s""",
        SERVICE_COLUMNS,
    )


HEALTHY: Final[LiteralString] = """ AND %(healthy)s = EXISTS (
    SELECT 1 FROM tidelock.service_instances i
    WHERE i.tenant = %(tenant)s AND i.service = h.name AND i.healthy AND NOT i.draining)"""
OF_NODE: Final[LiteralString] = """ AND EXISTS (
    SELECT 1 FROM tidelock.service_instances i
    WHERE i.tenant = %(tenant)s AND i.service = h.name AND i.session >= %(node)s AND i.session < %(above_node)s)"""

SERVICES_BY_NAME: Final = with_stands(
    f"""SELECT {SERVICE}, {INSTANCE} FROM tidelock.services h
        JOIN tidelock.service_instances i ON i.tenant = h.tenant AND i.service = h.name
        WHERE h.tenant = %(tenant)s AND h.name = ANY (%(names)s::text[]) ORDER BY h.name, i.instance""",
    SERVICE_COLUMNS + INSTANCE_COLUMNS,
)


def _service_then(condition: LiteralString, order: LiteralString, *, by_offset: bool) -> LiteralString:
    """Return the text for what a service had by then: by the rule of `tables.INSTANCE_HISTORY`."""
    return with_stands(
        f"""
        WITH back AS MATERIALIZED (
            SELECT h.* FROM tidelock.instance_history h
            WHERE h.tenant = %(tenant)s AND h.service = %(service)s AND {condition}
            ORDER BY {order}, h.part DESC LIMIT 64
        ), anchor AS MATERIALIZED (
            SELECT b.partition, b.event, b.part, b.keyframe FROM back b
            WHERE b.keyframe IS NOT NULL OR b.spell = 1 ORDER BY b.event DESC, b.part DESC LIMIT 1
        ), known AS (
            SELECT b.* FROM back b JOIN anchor a ON (b.event, b.part) >= (a.event, a.part)
            UNION ALL
            SELECT h.* FROM anchor a CROSS JOIN unnest(a.keyframe) AS k (event)
            JOIN tidelock.instance_history h ON h.partition = a.partition AND h.event = k.event AND h.part = 0
            WHERE (h.event, h.part) < (a.event, a.part)
        )
        SELECT {_INSTANCE_CHANGE} FROM known i ORDER BY i.event, i.part""",
        6 + INSTANCE_COLUMNS,
        last=forgotten("'instance_history'", by_offset=by_offset),
    )


SERVICE_AT_OFFSET: Final = _service_then(_BY_OFFSET, _NEWEST, by_offset=True)
SERVICE_AT_TIME: Final = _service_then(_BY_TIME, _LATEST, by_offset=False)

SERVICE_HISTORIES: Final = with_stands(
    f"""
    SELECT k.place, {_INSTANCE_CHANGE}, u.until_offset, u.until_ms
    FROM {_PAGES} CROSS JOIN LATERAL (
        SELECT * FROM tidelock.instance_history x
        WHERE x.tenant = %(tenant)s AND x.service = k.name
            AND (x.changed_offset, x.event, x.part) < (k.before_offset, k.before_event, k.before_part)
        ORDER BY x.changed_offset DESC, x.event DESC, x.part DESC LIMIT k.most
    ) i LEFT JOIN LATERAL (
        SELECT n.changed_offset AS until_offset, n.changed_ms AS until_ms FROM tidelock.instance_history n
        WHERE n.tenant = i.tenant AND n.service = i.service AND n.instance = i.instance
            AND (n.changed_offset, n.event) > (i.changed_offset, i.event)
        ORDER BY n.changed_offset, n.event LIMIT 1
    ) u ON true
    ORDER BY k.place, i.changed_offset DESC, i.event DESC, i.part DESC""",
    1 + 6 + INSTANCE_COLUMNS + 2,
)

BRAKE_NOW: Final = with_stands(
    f"SELECT {BRAKE} FROM tidelock.brakes h WHERE h.tenant = %(tenant)s", BRAKE_COLUMNS
)


def _brake_then(condition: LiteralString, order: LiteralString, *, by_offset: bool) -> LiteralString:
    return with_stands(
        f"""SELECT {BRAKE} FROM tidelock.brake_history h WHERE h.tenant = %(tenant)s AND {condition}
            ORDER BY {order} LIMIT 1""",
        BRAKE_COLUMNS,
        last=forgotten("'brake_history'", by_offset=by_offset),
    )


BRAKE_AT_OFFSET: Final = _brake_then(_BY_OFFSET, _NEWEST, by_offset=True)
BRAKE_AT_TIME: Final = _brake_then(_BY_TIME, _LATEST, by_offset=False)

BRAKE_HISTORY: Final = with_stands(
    f"""
    SELECT h.what, h.by_, h.why, {BRAKE}, u.until_offset, u.until_ms FROM (
        SELECT * FROM tidelock.brake_history
        WHERE tenant = %(tenant)s AND (changed_offset, event) < (%(offset)s, %(event)s)
        ORDER BY changed_offset DESC, event DESC LIMIT %(limit)s
    ) h {_until("tidelock.brake_history", "n.tenant = h.tenant")}
    ORDER BY {_NEWEST}""",
    3 + BRAKE_COLUMNS + 2,
)
