-- Standard aggregates: what windows count and how things stood at their end, by streams/projections/*/windows.py; windows
-- of nodes. The read models are built anew in their new versions, so that what stands here until then is of no account.

ALTER TABLE tidelock.lock_windows
    ADD COLUMN commands  bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejected  bigint NOT NULL DEFAULT 0,
    ADD COLUMN contended bigint NOT NULL DEFAULT 0,
    ADD COLUMN timed_out bigint NOT NULL DEFAULT 0,
    ADD COLUMN deadlocks bigint NOT NULL DEFAULT 0,
    ADD COLUMN released  bigint NOT NULL DEFAULT 0,
    ADD COLUMN expired   bigint NOT NULL DEFAULT 0,
    ADD COLUMN renewed   bigint NOT NULL DEFAULT 0,
    ADD COLUMN held      bigint NOT NULL DEFAULT 0,
    ADD COLUMN holders   bigint NOT NULL DEFAULT 0,
    ADD COLUMN waiters   bigint NOT NULL DEFAULT 0;

ALTER TABLE tidelock.queue_windows
    ADD COLUMN commands     bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejected     bigint NOT NULL DEFAULT 0,
    ADD COLUMN retried      bigint NOT NULL DEFAULT 0,
    ADD COLUMN purged       bigint NOT NULL DEFAULT 0,
    ADD COLUMN ready        bigint NOT NULL DEFAULT 0,
    ADD COLUMN delayed      bigint NOT NULL DEFAULT 0,
    ADD COLUMN leased       bigint NOT NULL DEFAULT 0,
    ADD COLUMN dead_letters bigint NOT NULL DEFAULT 0,
    ADD COLUMN moving       bigint NOT NULL DEFAULT 0,
    ADD COLUMN bytes        bigint NOT NULL DEFAULT 0,
    ADD COLUMN waiting      bigint NOT NULL DEFAULT 0,
    ADD COLUMN oldest_ms    bigint;

ALTER TABLE tidelock.cache_windows
    ADD COLUMN commands  bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejected  bigint NOT NULL DEFAULT 0,
    ADD COLUMN reads     bigint NOT NULL DEFAULT 0,
    ADD COLUMN entries   bigint NOT NULL DEFAULT 0,
    ADD COLUMN bytes     bigint NOT NULL DEFAULT 0,
    ADD COLUMN modified  bigint NOT NULL DEFAULT 0,
    ADD COLUMN exclusive bigint NOT NULL DEFAULT 0,
    ADD COLUMN shared    bigint NOT NULL DEFAULT 0,
    ADD COLUMN listeners bigint NOT NULL DEFAULT 0,
    ADD COLUMN waiting   bigint NOT NULL DEFAULT 0,
    ADD COLUMN filling   bigint NOT NULL DEFAULT 0,
    ADD COLUMN changing  bigint NOT NULL DEFAULT 0;

CREATE TABLE tidelock.node_windows (
    partition           bigint  NOT NULL,
    tenant              text    NOT NULL COLLATE "C",
    start_ms            bigint  NOT NULL,
    commands            bigint  NOT NULL,
    rejected            bigint  NOT NULL,
    registered          bigint  NOT NULL,
    suspected           bigint  NOT NULL,
    cleared             bigint  NOT NULL,
    died                bigint  NOT NULL,
    evicted             bigint  NOT NULL,
    deregistered        bigint  NOT NULL,
    drained             bigint  NOT NULL,
    failovers           bigint  NOT NULL,
    health_changed      bigint  NOT NULL,
    instances_offered   bigint  NOT NULL,
    instances_failed    bigint  NOT NULL,
    instances_recovered bigint  NOT NULL,
    instances_left      bigint  NOT NULL,
    mass_failures       bigint  NOT NULL,
    alive               bigint  NOT NULL,
    suspects            bigint  NOT NULL,
    ended               bigint  NOT NULL,
    draining            bigint  NOT NULL,
    warning             bigint  NOT NULL,
    critical            bigint  NOT NULL,
    instances           bigint  NOT NULL,
    instances_healthy   bigint  NOT NULL,
    silences            jsonb   NOT NULL,
    failover_times      jsonb   NOT NULL,
    changed_offset      bigint  NOT NULL,
    closed              boolean,
    PRIMARY KEY (partition, tenant, start_ms)
) WITH (fillfactor = 70);
CREATE INDEX node_windows_by_time ON tidelock.node_windows (tenant, start_ms);
CREATE INDEX node_windows_changed ON tidelock.node_windows (partition, changed_offset);
CREATE INDEX node_windows_open ON tidelock.node_windows (partition) WHERE closed IS NULL;

-- Names that have time series of their own: of each table of windows and tenant so many. The rest share one.
CREATE TABLE tidelock.series (
    windows text   NOT NULL,
    tenant  text   NOT NULL COLLATE "C",
    name    text   NOT NULL COLLATE "C",
    last_ms bigint NOT NULL,
    PRIMARY KEY (windows, tenant, name)
);

-- Windows are forgotten by their age, and those of one time are looked for: rows come in the order of time.
CREATE INDEX lock_windows_by_age ON tidelock.lock_windows USING brin (start_ms);
CREATE INDEX queue_windows_by_age ON tidelock.queue_windows USING brin (start_ms);
CREATE INDEX cache_windows_by_age ON tidelock.cache_windows USING brin (start_ms);
CREATE INDEX node_windows_by_age ON tidelock.node_windows USING brin (start_ms);
