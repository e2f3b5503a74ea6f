-- What one principal or one client did, and what was refused: newest first, without a look at what others did.
CREATE INDEX audit_by_principal ON tidelock.audit (tenant, principal, at_ms);
CREATE INDEX audit_by_client ON tidelock.audit (tenant, client, at_ms);
CREATE INDEX audit_refused ON tidelock.audit (tenant, at_ms) WHERE NOT accepted;
CREATE INDEX queue_audit_by_principal ON tidelock.queue_audit (tenant, principal, at_ms);
CREATE INDEX queue_audit_by_client ON tidelock.queue_audit (tenant, client, at_ms);
CREATE INDEX queue_audit_refused ON tidelock.queue_audit (tenant, at_ms) WHERE NOT accepted;
CREATE INDEX cache_audit_by_principal ON tidelock.cache_audit (tenant, principal, at_ms);
CREATE INDEX cache_audit_by_client ON tidelock.cache_audit (tenant, client, at_ms);
CREATE INDEX cache_audit_refused ON tidelock.cache_audit (tenant, at_ms) WHERE NOT accepted;
CREATE INDEX node_audit_by_principal ON tidelock.node_audit (tenant, principal, at_ms);
CREATE INDEX node_audit_by_client ON tidelock.node_audit (tenant, client, at_ms);
CREATE INDEX node_audit_refused ON tidelock.node_audit (tenant, at_ms) WHERE NOT accepted;
