-- compatible-from: 10
-- Messages, instances and deadlocks are forgotten by their age, too: docs/adr/0036. The indexes are made while projectors
-- write: a history may have millions of rows.

CREATE INDEX CONCURRENTLY IF NOT EXISTS message_history_by_age ON tidelock.message_history (at_ms);
CREATE INDEX CONCURRENTLY IF NOT EXISTS instance_history_by_age ON tidelock.instance_history (changed_ms);
CREATE INDEX CONCURRENTLY IF NOT EXISTS deadlocks_by_age ON tidelock.deadlocks (at_ms);
