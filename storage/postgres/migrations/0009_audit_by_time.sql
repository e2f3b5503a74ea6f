-- Audit is partitioned by time, so that what is old goes as a table and not as rows: docs/adr/0031. Whoever writes into a
-- period first makes its partition. What stood here comes again from the log; projectors of earlier releases are ended first.

-- What is gone for good from here: rows of these tables from before that time.
CREATE TABLE tidelock.retention (
    name    text   PRIMARY KEY,
    from_ms bigint NOT NULL
);

ALTER TABLE tidelock.audit RENAME TO audit_before;
CREATE TABLE tidelock.audit (LIKE tidelock.audit_before) PARTITION BY RANGE (at_ms);
DROP TABLE tidelock.audit_before;
ALTER TABLE tidelock.audit ADD PRIMARY KEY (partition, offset_, index_, at_ms);
CREATE INDEX audit_by_name ON tidelock.audit (tenant, name, partition, offset_);
CREATE INDEX audit_by_time ON tidelock.audit (tenant, at_ms);
CREATE INDEX audit_by_principal ON tidelock.audit (tenant, principal, at_ms);
CREATE INDEX audit_by_client ON tidelock.audit (tenant, client, at_ms);
CREATE INDEX audit_refused ON tidelock.audit (tenant, at_ms) WHERE NOT accepted;

ALTER TABLE tidelock.queue_audit RENAME TO queue_audit_before;
CREATE TABLE tidelock.queue_audit (LIKE tidelock.queue_audit_before) PARTITION BY RANGE (at_ms);
DROP TABLE tidelock.queue_audit_before;
ALTER TABLE tidelock.queue_audit ADD PRIMARY KEY (partition, offset_, index_, at_ms);
CREATE INDEX queue_audit_by_name ON tidelock.queue_audit (tenant, name, partition, offset_);
CREATE INDEX queue_audit_by_time ON tidelock.queue_audit (tenant, at_ms);
CREATE INDEX queue_audit_by_principal ON tidelock.queue_audit (tenant, principal, at_ms);
CREATE INDEX queue_audit_by_client ON tidelock.queue_audit (tenant, client, at_ms);
CREATE INDEX queue_audit_refused ON tidelock.queue_audit (tenant, at_ms) WHERE NOT accepted;

ALTER TABLE tidelock.cache_audit RENAME TO cache_audit_before;
CREATE TABLE tidelock.cache_audit (LIKE tidelock.cache_audit_before) PARTITION BY RANGE (at_ms);
DROP TABLE tidelock.cache_audit_before;
ALTER TABLE tidelock.cache_audit ADD PRIMARY KEY (partition, offset_, index_, at_ms);
CREATE INDEX cache_audit_by_name ON tidelock.cache_audit (tenant, name, partition, offset_);
CREATE INDEX cache_audit_by_time ON tidelock.cache_audit (tenant, at_ms);
CREATE INDEX cache_audit_by_principal ON tidelock.cache_audit (tenant, principal, at_ms);
CREATE INDEX cache_audit_by_client ON tidelock.cache_audit (tenant, client, at_ms);
CREATE INDEX cache_audit_refused ON tidelock.cache_audit (tenant, at_ms) WHERE NOT accepted;

ALTER TABLE tidelock.node_audit RENAME TO node_audit_before;
CREATE TABLE tidelock.node_audit (LIKE tidelock.node_audit_before) PARTITION BY RANGE (at_ms);
DROP TABLE tidelock.node_audit_before;
ALTER TABLE tidelock.node_audit ADD PRIMARY KEY (partition, offset_, index_, at_ms);
CREATE INDEX node_audit_by_name ON tidelock.node_audit (tenant, name, partition, offset_);
CREATE INDEX node_audit_by_time ON tidelock.node_audit (tenant, at_ms);
CREATE INDEX node_audit_by_principal ON tidelock.node_audit (tenant, principal, at_ms);
CREATE INDEX node_audit_by_client ON tidelock.node_audit (tenant, client, at_ms);
CREATE INDEX node_audit_refused ON tidelock.node_audit (tenant, at_ms) WHERE NOT accepted;

-- Builds beside the live one have tables of before: they are made anew.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT projection, build FROM tidelock.builds
        WHERE NOT live AND projection IN ('audit', 'queue_audit', 'cache_audit', 'node_audit')
    LOOP
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', 'tidelock_' || one.projection || '_v' || one.build);
        DELETE FROM tidelock.builds WHERE projection = one.projection AND build = one.build;
    END LOOP;
END $$;
DELETE FROM tidelock.checkpoints WHERE projection IN ('audit', 'queue_audit', 'cache_audit', 'node_audit');
