-- Queues. streams/projections/queues/tables.py says what each column holds.

CREATE TABLE tidelock.queue_shards (
    partition      bigint  NOT NULL,
    tenant         text    NOT NULL COLLATE "C",
    queue          text    NOT NULL COLLATE "C",
    shard          bigint  NOT NULL,
    incarnation    bigint  NOT NULL,
    version        bigint  NOT NULL,
    settings       jsonb   NOT NULL,
    epoch          bigint  NOT NULL,
    shards         bigint  NOT NULL,
    previous       bigint  NOT NULL,
    paused         boolean NOT NULL,
    broadcast      boolean NOT NULL,
    messages       bigint  NOT NULL,
    bytes          bigint  NOT NULL,
    next_message   bigint  NOT NULL,
    ready          bigint  NOT NULL,
    delayed        bigint  NOT NULL,
    leased         bigint  NOT NULL,
    dead           bigint  NOT NULL,
    moving         bigint  NOT NULL,
    waiting        bigint  NOT NULL,
    created_offset bigint  NOT NULL,
    created_ms     bigint  NOT NULL,
    changed_offset bigint  NOT NULL,
    changed_ms     bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, queue, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX queue_shards_by_queue ON tidelock.queue_shards (tenant, queue, shard);

CREATE TABLE tidelock.queue_subscriptions (
    partition      bigint NOT NULL,
    incarnation    bigint NOT NULL,
    subscription   text   NOT NULL COLLATE "C",
    ready          bigint NOT NULL,
    delayed        bigint NOT NULL,
    leased         bigint NOT NULL,
    dead           bigint NOT NULL,
    moving         bigint NOT NULL,
    waiting        bigint NOT NULL,
    changed_offset bigint NOT NULL,
    changed_ms     bigint NOT NULL,
    PRIMARY KEY (partition, incarnation, subscription)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE tidelock.queue_messages (
    partition       bigint  NOT NULL,
    incarnation     bigint  NOT NULL,
    number          bigint  NOT NULL,
    group_          text    COLLATE "C",
    key             text,
    priority        bigint  NOT NULL,
    dedup_id        text,
    headers         jsonb   NOT NULL,
    payload         bytea   NOT NULL,
    stray           boolean NOT NULL,
    origin          jsonb,
    principal       text    NOT NULL,
    client          text    NOT NULL,
    enqueued_offset bigint  NOT NULL,
    enqueued_ms     bigint  NOT NULL,
    PRIMARY KEY (partition, incarnation, number)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX queue_messages_by_group ON tidelock.queue_messages (partition, incarnation, group_, number)
    WHERE group_ IS NOT NULL;

CREATE TABLE tidelock.queue_deliveries (
    partition      bigint NOT NULL,
    incarnation    bigint NOT NULL,
    subscription   text   NOT NULL COLLATE "C",
    number         bigint NOT NULL,
    state          text   NOT NULL COLLATE "C",
    attempts       bigint NOT NULL,
    size           bigint NOT NULL,
    enqueued_ms    bigint NOT NULL,
    due_lease_ms   bigint,
    due_ms         bigint,
    token          bigint,
    principal      text,
    client         text,
    handle         text,
    reason         text,
    target         text,
    since_ms       bigint NOT NULL,
    changed_offset bigint NOT NULL,
    PRIMARY KEY (partition, incarnation, subscription, number)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
-- Pages by state, dead letters, and the oldest of each state: the least number.
CREATE INDEX queue_deliveries_by_state
    ON tidelock.queue_deliveries (partition, incarnation, subscription, state, number);

CREATE TABLE tidelock.message_history (
    partition    bigint NOT NULL,
    incarnation  bigint NOT NULL,
    block        bigint NOT NULL,
    event        bigint NOT NULL,
    part         bigint NOT NULL,
    tenant       text   NOT NULL COLLATE "C",
    queue        text   NOT NULL COLLATE "C",
    shard        bigint NOT NULL,
    subscription text   NOT NULL COLLATE "C",
    what         text   NOT NULL,
    first_       bigint NOT NULL,
    last_        bigint NOT NULL,
    numbers      bigint[],
    attempts     bigint[],
    due_lease_ms bigint[],
    due_ms       bigint[],
    token        bigint,
    principal    text   NOT NULL,
    client       text   NOT NULL,
    handle       text   NOT NULL,
    cause        text,
    reason       text,
    target       text,
    origin       jsonb,
    offset_      bigint NOT NULL,
    at_ms        bigint NOT NULL,
    PRIMARY KEY (partition, incarnation, block, event, part)
);

CREATE TABLE tidelock.queue_history (
    partition   bigint  NOT NULL,
    tenant      text    NOT NULL COLLATE "C",
    queue       text    NOT NULL COLLATE "C",
    shard       bigint  NOT NULL,
    offset_     bigint  NOT NULL,
    at_ms       bigint  NOT NULL,
    incarnation bigint  NOT NULL,
    deleted     boolean NOT NULL,
    settings    jsonb,
    version     bigint  NOT NULL,
    epoch       bigint  NOT NULL,
    shards      bigint  NOT NULL,
    previous    bigint  NOT NULL,
    messages    bigint  NOT NULL,
    bytes       bigint  NOT NULL,
    ready       bigint  NOT NULL,
    delayed     bigint  NOT NULL,
    leased      bigint  NOT NULL,
    dead        bigint  NOT NULL,
    moving      bigint  NOT NULL,
    waiting     bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, queue, shard, offset_)
);
CREATE INDEX queue_history_by_time ON tidelock.queue_history (tenant, queue, shard, at_ms, offset_);
CREATE INDEX queue_history_settings ON tidelock.queue_history (partition, tenant, queue, shard, offset_)
    WHERE settings IS NOT NULL;

CREATE TABLE tidelock.queue_windows (
    partition      bigint NOT NULL,
    tenant         text   NOT NULL COLLATE "C",
    queue          text   NOT NULL COLLATE "C",
    start_ms       bigint NOT NULL,
    enqueued       bigint NOT NULL,
    delivered      bigint NOT NULL,
    acked          bigint NOT NULL,
    returned       bigint NOT NULL,
    expired        bigint NOT NULL,
    dead           bigint NOT NULL,
    redriven       bigint NOT NULL,
    waits          jsonb  NOT NULL,
    works          jsonb  NOT NULL,
    changed_offset bigint NOT NULL,
    closed         boolean,
    PRIMARY KEY (partition, tenant, queue, start_ms)
) WITH (fillfactor = 70);
CREATE INDEX queue_windows_by_time ON tidelock.queue_windows (tenant, queue, start_ms);
CREATE INDEX queue_windows_changed ON tidelock.queue_windows (partition, changed_offset);
CREATE INDEX queue_windows_open ON tidelock.queue_windows (partition) WHERE closed IS NULL;

CREATE TABLE tidelock.queue_audit (
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
CREATE INDEX queue_audit_by_name ON tidelock.queue_audit (tenant, name, partition, offset_);
CREATE INDEX queue_audit_by_time ON tidelock.queue_audit (tenant, at_ms);
