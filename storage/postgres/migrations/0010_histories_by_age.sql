-- Rows of histories that can answer nothing any more are forgotten, oldest first: docs/adr/0036. The indexes are made
-- while projectors write: a history may have millions of rows.
-- instead-of: 2d938b12f3a419bb233a53259b6230d1db88e800f0100102c2f7fe7061362955

CREATE INDEX CONCURRENTLY IF NOT EXISTS lock_history_by_end ON tidelock.lock_history (to_ms) WHERE to_ms IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS queue_history_by_age ON tidelock.queue_history (at_ms);
CREATE INDEX CONCURRENTLY IF NOT EXISTS cache_entries_by_end ON tidelock.cache_entries (to_ms) WHERE to_ms IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS cache_lines_by_end ON tidelock.cache_lines (to_ms) WHERE to_ms IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS cache_history_by_age ON tidelock.cache_history (at_ms);
CREATE INDEX CONCURRENTLY IF NOT EXISTS node_history_by_age ON tidelock.node_history (changed_ms);
CREATE INDEX CONCURRENTLY IF NOT EXISTS brake_history_by_age ON tidelock.brake_history (changed_ms);

-- Beside the time in `tidelock.retention`, the same as an offset: before it, a table answers for its partition no more.
CREATE TABLE IF NOT EXISTS tidelock.forgotten (
    name          text   NOT NULL,
    partition     bigint NOT NULL,
    before_offset bigint NOT NULL,
    PRIMARY KEY (name, partition)
);
