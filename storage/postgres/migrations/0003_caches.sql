-- Caches. streams/projections/caches/tables.py says what each column holds.

CREATE TABLE tidelock.cache_shards (
    partition      bigint  NOT NULL,
    tenant         text    NOT NULL COLLATE "C",
    cache          text    NOT NULL COLLATE "C",
    shard          bigint  NOT NULL,
    incarnation    bigint  NOT NULL,
    version        bigint  NOT NULL,
    settings       jsonb   NOT NULL,
    closing        boolean NOT NULL,
    entries        bigint  NOT NULL,
    bytes          bigint  NOT NULL,
    modified       bigint  NOT NULL,
    exclusive      bigint  NOT NULL,
    shared         bigint  NOT NULL,
    listeners      bigint  NOT NULL,
    waiting        bigint  NOT NULL,
    filling        bigint  NOT NULL,
    changing       bigint  NOT NULL,
    created_offset bigint  NOT NULL,
    created_ms     bigint  NOT NULL,
    changed_offset bigint  NOT NULL,
    changed_ms     bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, cache, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX cache_shards_by_cache ON tidelock.cache_shards (tenant, cache, shard);

CREATE TABLE tidelock.cache_entries (
    partition        bigint  NOT NULL,
    incarnation      bigint  NOT NULL,
    entry            text    NOT NULL COLLATE "C",
    from_event       bigint  NOT NULL,
    tenant           text    NOT NULL COLLATE "C",
    cache            text    NOT NULL COLLATE "C",
    shard            bigint  NOT NULL,
    version          bigint  NOT NULL,
    cause            text    NOT NULL,
    bytes            bigint  NOT NULL,
    digest           text    NOT NULL,
    value_event      bigint  NOT NULL,
    value_offset     bigint  NOT NULL,
    tags             jsonb   NOT NULL,
    ttl_ms           bigint  NOT NULL,
    expires_lease_ms bigint,
    expires_ms       bigint,
    principal        text    NOT NULL,
    client           text    NOT NULL,
    from_offset      bigint  NOT NULL,
    from_ms          bigint  NOT NULL,
    to_event         bigint,
    to_offset        bigint,
    to_ms            bigint,
    ended            text,
    PRIMARY KEY (partition, incarnation, entry, from_event)
) WITH (fillfactor = 80);
-- The values that stand, by name; and all that an entry has had: the latest up to a time, or up to a place in its log.
CREATE INDEX cache_entries_open ON tidelock.cache_entries (tenant, cache, entry) WHERE to_event IS NULL;
CREATE INDEX cache_entries_restored ON tidelock.cache_entries (partition) WHERE to_event IS NULL;
CREATE INDEX cache_entries_by_time ON tidelock.cache_entries (tenant, cache, entry, from_ms, from_event);
CREATE INDEX cache_entries_by_offset
    ON tidelock.cache_entries (tenant, cache, entry, partition, from_offset, from_event);

CREATE TABLE tidelock.cache_lines (
    partition   bigint  NOT NULL,
    from_event  bigint  NOT NULL,
    attachment  bigint  NOT NULL,
    incarnation bigint  NOT NULL,
    tenant      text    NOT NULL COLLATE "C",
    cache       text    NOT NULL COLLATE "C",
    entry       text    NOT NULL COLLATE "C",
    version     bigint  NOT NULL,
    token       bigint  NOT NULL,
    state       text    NOT NULL,
    principal   text    NOT NULL,
    client      text    NOT NULL,
    session     text    NOT NULL,
    from_offset bigint  NOT NULL,
    from_ms     bigint  NOT NULL,
    to_event    bigint,
    to_offset   bigint,
    to_ms       bigint,
    ended       text,
    PRIMARY KEY (partition, from_event, attachment)
) WITH (fillfactor = 80);
-- Lines stand and fall with the value that they are of.
CREATE INDEX cache_lines_by_value ON tidelock.cache_lines (partition, incarnation, entry, version, from_event);
CREATE INDEX cache_lines_by_time ON tidelock.cache_lines (tenant, cache, entry, from_ms, from_event, attachment);
CREATE INDEX cache_lines_open ON tidelock.cache_lines (partition, incarnation, attachment) WHERE to_event IS NULL;

CREATE TABLE tidelock.cache_listeners (
    partition        bigint  NOT NULL,
    incarnation      bigint  NOT NULL,
    attachment       bigint  NOT NULL,
    principal        text    NOT NULL,
    client           text    NOT NULL,
    session          text    NOT NULL,
    expires_lease_ms bigint  NOT NULL,
    expires_ms       bigint  NOT NULL,
    posted           bigint  NOT NULL,
    acked            bigint  NOT NULL,
    reset            boolean NOT NULL,
    gone             text,
    joined_offset    bigint  NOT NULL,
    joined_ms        bigint  NOT NULL,
    changed_offset   bigint  NOT NULL,
    PRIMARY KEY (partition, incarnation, attachment)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE tidelock.cache_pending (
    partition      bigint  NOT NULL,
    event          bigint  NOT NULL,
    incarnation    bigint  NOT NULL,
    what           text    NOT NULL,
    entry          text    NOT NULL COLLATE "C",
    purpose        text,
    attachment     bigint  NOT NULL,
    principal      text    NOT NULL,
    client         text    NOT NULL,
    bytes          bigint,
    digest         text,
    until_lease_ms bigint,
    until_ms       bigint,
    from_offset    bigint  NOT NULL,
    from_ms        bigint  NOT NULL,
    PRIMARY KEY (partition, event)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX cache_pending_by_entry ON tidelock.cache_pending (partition, incarnation, entry, event);

CREATE TABLE tidelock.cache_history (
    partition   bigint  NOT NULL,
    tenant      text    NOT NULL COLLATE "C",
    cache       text    NOT NULL COLLATE "C",
    shard       bigint  NOT NULL,
    offset_     bigint  NOT NULL,
    at_ms       bigint  NOT NULL,
    incarnation bigint  NOT NULL,
    deleted     boolean NOT NULL,
    settings    jsonb,
    version     bigint  NOT NULL,
    closing     boolean NOT NULL,
    entries     bigint  NOT NULL,
    bytes       bigint  NOT NULL,
    modified    bigint  NOT NULL,
    exclusive   bigint  NOT NULL,
    shared      bigint  NOT NULL,
    listeners   bigint  NOT NULL,
    waiting     bigint  NOT NULL,
    filling     bigint  NOT NULL,
    changing    bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, cache, shard, offset_)
);
CREATE INDEX cache_history_by_time ON tidelock.cache_history (tenant, cache, shard, at_ms, offset_);
CREATE INDEX cache_history_settings ON tidelock.cache_history (partition, tenant, cache, shard, offset_)
    WHERE settings IS NOT NULL;

CREATE TABLE tidelock.cache_windows (
    partition         bigint  NOT NULL,
    tenant            text    NOT NULL COLLATE "C",
    cache             text    NOT NULL COLLATE "C",
    start_ms          bigint  NOT NULL,
    granted_exclusive bigint  NOT NULL,
    granted_shared    bigint  NOT NULL,
    granted_modified  bigint  NOT NULL,
    uncached          bigint  NOT NULL,
    writes            bigint  NOT NULL,
    deletes           bigint  NOT NULL,
    write_backs       bigint  NOT NULL,
    fills             bigint  NOT NULL,
    fills_failed      bigint  NOT NULL,
    warmed            bigint  NOT NULL,
    invalidations     bigint  NOT NULL,
    recalls           bigint  NOT NULL,
    resets            bigint  NOT NULL,
    evicted           bigint  NOT NULL,
    expired           bigint  NOT NULL,
    tagged            bigint  NOT NULL,
    lost              bigint  NOT NULL,
    waits             jsonb   NOT NULL,
    changed_offset    bigint  NOT NULL,
    closed            boolean,
    PRIMARY KEY (partition, tenant, cache, start_ms)
) WITH (fillfactor = 70);
CREATE INDEX cache_windows_by_time ON tidelock.cache_windows (tenant, cache, start_ms);
CREATE INDEX cache_windows_changed ON tidelock.cache_windows (partition, changed_offset);
CREATE INDEX cache_windows_open ON tidelock.cache_windows (partition) WHERE closed IS NULL;

CREATE TABLE tidelock.cache_audit (
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
CREATE INDEX cache_audit_by_name ON tidelock.cache_audit (tenant, name, partition, offset_);
CREATE INDEX cache_audit_by_time ON tidelock.cache_audit (tenant, at_ms);
