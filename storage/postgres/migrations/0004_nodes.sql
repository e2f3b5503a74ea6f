-- Nodes, services and brakes. streams/projections/nodes/tables.py says what each column holds.

CREATE TABLE tidelock.nodes (
    partition         bigint  NOT NULL,
    tenant            text    NOT NULL COLLATE "C",
    name              text    NOT NULL COLLATE "C",
    status            text    NOT NULL,
    since_ms          bigint  NOT NULL,
    session           text    NOT NULL COLLATE "C",
    principal         text    NOT NULL,
    client            text    NOT NULL,
    registered_offset bigint  NOT NULL,
    registered_ms     bigint  NOT NULL,
    address           text    NOT NULL,
    zone              text    NOT NULL,
    labels            jsonb   NOT NULL,
    capacity          bigint  NOT NULL,
    metadata          jsonb   NOT NULL,
    timeout_ms        bigint  NOT NULL,
    draining          boolean NOT NULL,
    drained_by        text,
    drained_why       text,
    checks            jsonb   NOT NULL,
    health            text    NOT NULL,
    load              bigint  NOT NULL,
    heard_ms          bigint  NOT NULL,
    evidence          jsonb,
    cause             text,
    cause_id          bigint,
    ended_by          text,
    ended_why         text,
    ended_ms          bigint,
    strikes           bigint  NOT NULL,
    barred_ms         bigint,
    unswept           jsonb   NOT NULL,
    event             bigint  NOT NULL,
    changed_offset    bigint  NOT NULL,
    changed_ms        bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX nodes_by_name ON tidelock.nodes (tenant, name);

CREATE TABLE tidelock.node_history (
    partition         bigint  NOT NULL,
    tenant            text    NOT NULL COLLATE "C",
    name              text    NOT NULL COLLATE "C",
    event             bigint  NOT NULL,
    what              text    NOT NULL,
    by_               text    NOT NULL,
    why               text    NOT NULL,
    status            text    NOT NULL,
    since_ms          bigint  NOT NULL,
    session           text    NOT NULL COLLATE "C",
    principal         text    NOT NULL,
    client            text    NOT NULL,
    registered_offset bigint  NOT NULL,
    registered_ms     bigint  NOT NULL,
    address           text    NOT NULL,
    zone              text    NOT NULL,
    labels            jsonb   NOT NULL,
    capacity          bigint  NOT NULL,
    metadata          jsonb   NOT NULL,
    timeout_ms        bigint  NOT NULL,
    draining          boolean NOT NULL,
    drained_by        text,
    drained_why       text,
    checks            jsonb   NOT NULL,
    health            text    NOT NULL,
    load              bigint  NOT NULL,
    heard_ms          bigint  NOT NULL,
    evidence          jsonb,
    cause             text,
    cause_id          bigint,
    ended_by          text,
    ended_why         text,
    ended_ms          bigint,
    strikes           bigint  NOT NULL,
    barred_ms         bigint,
    unswept           jsonb   NOT NULL,
    changed_offset    bigint  NOT NULL,
    changed_ms        bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, name, event)
);
CREATE INDEX node_history_by_name ON tidelock.node_history (tenant, name, changed_offset, event);
CREATE INDEX node_history_by_time ON tidelock.node_history (tenant, name, changed_ms, changed_offset, event);

CREATE TABLE tidelock.services (
    partition      bigint NOT NULL,
    tenant         text   NOT NULL COLLATE "C",
    name           text   NOT NULL COLLATE "C",
    version        bigint NOT NULL,
    instance_count bigint NOT NULL,
    healthy_count  bigint NOT NULL,
    draining_count bigint NOT NULL,
    since_ms       bigint NOT NULL,
    changed_offset bigint NOT NULL,
    changed_ms     bigint NOT NULL,
    spells         bigint NOT NULL,
    PRIMARY KEY (partition, tenant, name)
) WITH (fillfactor = 70);
CREATE INDEX services_by_name ON tidelock.services (tenant, name);

CREATE TABLE tidelock.service_instances (
    partition      bigint  NOT NULL,
    tenant         text    NOT NULL COLLATE "C",
    service        text    NOT NULL COLLATE "C",
    instance       text    NOT NULL COLLATE "C",
    session        text    NOT NULL COLLATE "C",
    principal      text    NOT NULL,
    address        text    NOT NULL,
    zone           text    NOT NULL,
    weight         bigint  NOT NULL,
    metadata       jsonb   NOT NULL,
    rise           bigint  NOT NULL,
    fall           bigint  NOT NULL,
    healthy        boolean NOT NULL,
    draining       boolean NOT NULL,
    reason         text    NOT NULL,
    version        bigint  NOT NULL,
    since_offset   bigint  NOT NULL,
    since_ms       bigint  NOT NULL,
    event          bigint  NOT NULL,
    changed_offset bigint  NOT NULL,
    changed_ms     bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, service, instance)
) WITH (fillfactor = 70);
CREATE INDEX service_instances_by_service ON tidelock.service_instances (tenant, service, instance);
CREATE INDEX service_instances_by_session ON tidelock.service_instances (tenant, session, service);

CREATE TABLE tidelock.instance_history (
    partition      bigint   NOT NULL,
    event          bigint   NOT NULL,
    part           bigint   NOT NULL,
    tenant         text     NOT NULL COLLATE "C",
    service        text     NOT NULL COLLATE "C",
    instance       text     NOT NULL COLLATE "C",
    what           text     NOT NULL,
    cause          text,
    why            text,
    spell          bigint   NOT NULL,
    keyframe       bigint[],
    session        text     NOT NULL COLLATE "C",
    principal      text     NOT NULL,
    address        text     NOT NULL,
    zone           text     NOT NULL,
    weight         bigint   NOT NULL,
    metadata       jsonb    NOT NULL,
    rise           bigint   NOT NULL,
    fall           bigint   NOT NULL,
    healthy        boolean  NOT NULL,
    draining       boolean  NOT NULL,
    reason         text     NOT NULL,
    version        bigint   NOT NULL,
    since_offset   bigint   NOT NULL,
    since_ms       bigint   NOT NULL,
    changed_offset bigint   NOT NULL,
    changed_ms     bigint   NOT NULL,
    PRIMARY KEY (partition, event, part)
);
CREATE INDEX instance_history_by_service ON tidelock.instance_history (tenant, service, changed_offset, event, part);
CREATE INDEX instance_history_by_time ON tidelock.instance_history (tenant, service, changed_ms, changed_offset, event, part);
CREATE INDEX instance_history_by_instance ON tidelock.instance_history
    (tenant, service, instance, changed_offset, event);

CREATE TABLE tidelock.brakes (
    partition      bigint  NOT NULL,
    tenant         text    NOT NULL COLLATE "C",
    settings       jsonb   NOT NULL,
    pulled         boolean NOT NULL,
    pulled_ms      bigint,
    pulled_by      text,
    cause          text,
    release_ms     bigint,
    alarm          jsonb,
    event          bigint  NOT NULL,
    changed_offset bigint  NOT NULL,
    changed_ms     bigint  NOT NULL,
    PRIMARY KEY (partition, tenant)
) WITH (fillfactor = 70);
CREATE INDEX brakes_by_tenant ON tidelock.brakes (tenant);

CREATE TABLE tidelock.brake_history (
    partition      bigint  NOT NULL,
    tenant         text    NOT NULL COLLATE "C",
    event          bigint  NOT NULL,
    what           text    NOT NULL,
    by_            text    NOT NULL,
    why            text    NOT NULL,
    settings       jsonb   NOT NULL,
    pulled         boolean NOT NULL,
    pulled_ms      bigint,
    pulled_by      text,
    cause          text,
    release_ms     bigint,
    alarm          jsonb,
    changed_offset bigint  NOT NULL,
    changed_ms     bigint  NOT NULL,
    PRIMARY KEY (partition, tenant, event)
);
CREATE INDEX brake_history_by_tenant ON tidelock.brake_history (tenant, changed_offset, event);
CREATE INDEX brake_history_by_time ON tidelock.brake_history (tenant, changed_ms, changed_offset, event);

CREATE TABLE tidelock.node_audit (
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
CREATE INDEX node_audit_by_name ON tidelock.node_audit (tenant, name, partition, offset_);
CREATE INDEX node_audit_by_time ON tidelock.node_audit (tenant, at_ms);
