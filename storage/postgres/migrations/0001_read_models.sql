-- Read models of the kind `locks`, and what stands beside every read model. Columns: streams/projections/locks/tables.py.
--
-- Names compare by their bytes (COLLATE "C"), so that the index over names finds prefixes too.
-- Numbers are bigint. Indexes are few: each one is paid for by every row that comes in.

CREATE TABLE tidelock.checkpoints (
    projection  text   NOT NULL,
    version     bigint NOT NULL,
    kind        text   NOT NULL,
    partition   bigint NOT NULL,
    next_offset bigint NOT NULL,
    time_ms     bigint NOT NULL,
    head        bytea  NOT NULL,
    checkpoint  bytea  NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, kind, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Places between records from which a log can be read on: at most one in 4,096 offsets.
CREATE TABLE tidelock.log_marks (
    kind        text   NOT NULL,
    partition   bigint NOT NULL,
    next_offset bigint NOT NULL,
    time_ms     bigint NOT NULL,
    checkpoint  bytea  NOT NULL,
    PRIMARY KEY (kind, partition, next_offset)
);
CREATE UNIQUE INDEX log_marks_stretch ON tidelock.log_marks (kind, partition, (next_offset / 4096));

-- How far the rows of a table have been published elsewhere, by the offset in which they changed.
CREATE TABLE tidelock.publications (
    name           text   NOT NULL,
    partition      bigint NOT NULL,
    changed_offset bigint NOT NULL,
    PRIMARY KEY (name, partition)
);

CREATE TABLE tidelock.locks (
    partition            bigint NOT NULL,
    tenant               text   NOT NULL COLLATE "C",
    name                 text   NOT NULL COLLATE "C",
    mode                 text   NOT NULL,
    holder_count         bigint NOT NULL,
    waiter_count         bigint NOT NULL,
    delay_until_lease_ms bigint,
    token                bigint,
    holders              jsonb  NOT NULL,
    waiting              bigint[] NOT NULL,
    spells               bigint NOT NULL,
    since_ms             bigint NOT NULL,
    changed_offset       bigint NOT NULL,
    changed_ms           bigint NOT NULL,
    PRIMARY KEY (partition, tenant, name)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX locks_by_name ON tidelock.locks (tenant, name);

CREATE TABLE tidelock.lock_waiters (
    partition              bigint NOT NULL,
    ticket                 bigint NOT NULL,
    tenant                 text   NOT NULL COLLATE "C",
    name                   text   NOT NULL COLLATE "C",
    principal              text   NOT NULL,
    client                 text   NOT NULL,
    handle                 text   NOT NULL,
    sequence               bigint NOT NULL,
    mode                   text   NOT NULL,
    priority               bigint NOT NULL,
    ttl_ms                 bigint NOT NULL,
    wait_until_lease_ms    bigint,
    upgrade_of             bigint,
    transaction_id         text,
    transaction_started_ms bigint,
    since_offset           bigint NOT NULL,
    since_ms               bigint NOT NULL,
    PRIMARY KEY (partition, ticket)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX lock_waiters_by_name ON tidelock.lock_waiters (tenant, name, ticket);

CREATE TABLE tidelock.lock_history (
    partition              bigint NOT NULL,
    from_event             bigint NOT NULL,
    tenant                 text   NOT NULL COLLATE "C",
    name                   text   NOT NULL COLLATE "C",
    role                   text   NOT NULL,
    principal              text   NOT NULL,
    client                 text   NOT NULL,
    handle                 text   NOT NULL,
    sequence               bigint NOT NULL,
    token                  bigint NOT NULL,
    mode                   text   NOT NULL,
    priority               bigint,
    ttl_ms                 bigint,
    until_lease_ms         bigint,
    upgrade_of             bigint,
    lock_delay_ms          bigint,
    transaction_id         text,
    transaction_started_ms bigint,
    session                text   NOT NULL,
    from_offset            bigint NOT NULL,
    from_ms                bigint NOT NULL,
    spell                  bigint NOT NULL,
    keyframe               bigint[],
    to_event               bigint,
    to_offset              bigint,
    to_ms                  bigint,
    ended                  text,
    PRIMARY KEY (partition, from_event)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
-- "As of": from_event, from_offset and from_ms rise together within a name, so either index also gives the order of
-- events; ORDER BY must name its columns. The walk back of at most 64 rows starts where one of them says.
CREATE INDEX lock_history_by_offset ON tidelock.lock_history (tenant, name, from_offset, from_event);
CREATE INDEX lock_history_by_time ON tidelock.lock_history (tenant, name, from_ms, from_event);
-- What is open: by whoever holds or waits, and for the fold that starts again.
CREATE INDEX lock_history_open ON tidelock.lock_history (tenant, principal, client) WHERE to_event IS NULL;

CREATE TABLE tidelock.deadlocks (
    partition      bigint NOT NULL,
    event          bigint NOT NULL,
    tenant         text   NOT NULL COLLATE "C",
    name           text   NOT NULL COLLATE "C",
    ticket         bigint NOT NULL,
    transaction_id text,
    principal      text   NOT NULL,
    client         text   NOT NULL,
    handle         text   NOT NULL,
    sequence       bigint NOT NULL,
    cycle          jsonb  NOT NULL,
    offset_        bigint NOT NULL,
    at_ms          bigint NOT NULL,
    PRIMARY KEY (partition, event)
);
CREATE INDEX deadlocks_by_time ON tidelock.deadlocks (tenant, at_ms, partition, event);

CREATE TABLE tidelock.lock_windows (
    partition      bigint NOT NULL,
    tenant         text   NOT NULL COLLATE "C",
    start_ms       bigint NOT NULL,
    grants         bigint NOT NULL,
    refusals       bigint NOT NULL,
    waits          jsonb  NOT NULL,
    holds          jsonb  NOT NULL,
    changed_offset bigint NOT NULL,
    closed         boolean,
    PRIMARY KEY (partition, tenant, start_ms)
) WITH (fillfactor = 70);
CREATE INDEX lock_windows_by_time ON tidelock.lock_windows (tenant, start_ms);
CREATE INDEX lock_windows_changed ON tidelock.lock_windows (partition, changed_offset);
CREATE INDEX lock_windows_open ON tidelock.lock_windows (partition) WHERE closed IS NULL;

CREATE TABLE tidelock.audit (
    partition bigint  NOT NULL,
    offset_   bigint  NOT NULL,
    index_    bigint  NOT NULL,
    tenant    text    NOT NULL COLLATE "C",
    name      text    NOT NULL COLLATE "C",
    command   text    NOT NULL,
    principal text    NOT NULL,
    client    text    NOT NULL,
    handle    text    NOT NULL,
    sequence  bigint  NOT NULL,
    lane      text    NOT NULL,
    accepted  boolean NOT NULL,
    outcome   text    NOT NULL,
    reason    text,
    events    text    NOT NULL,
    event     bigint,
    at_ms     bigint  NOT NULL,
    lease_ms  bigint  NOT NULL,
    PRIMARY KEY (partition, offset_, index_)
);
CREATE INDEX audit_by_name ON tidelock.audit (tenant, name, partition, offset_);
CREATE INDEX audit_by_time ON tidelock.audit (tenant, at_ms);
