-- Rows of histories that can answer nothing any more are forgotten, oldest first: docs/adr/0036.

CREATE INDEX lock_history_by_end ON tidelock.lock_history (to_ms) WHERE to_ms IS NOT NULL;
CREATE INDEX queue_history_by_age ON tidelock.queue_history (at_ms);
CREATE INDEX cache_entries_by_end ON tidelock.cache_entries (to_ms) WHERE to_ms IS NOT NULL;
CREATE INDEX cache_lines_by_end ON tidelock.cache_lines (to_ms) WHERE to_ms IS NOT NULL;
CREATE INDEX cache_history_by_age ON tidelock.cache_history (at_ms);
CREATE INDEX node_history_by_age ON tidelock.node_history (changed_ms);
CREATE INDEX brake_history_by_age ON tidelock.brake_history (changed_ms);

-- Beside the time in `tidelock.retention`, the same as an offset: before it, a table answers for its partition no more.
CREATE TABLE tidelock.forgotten (
    name          text   NOT NULL,
    partition     bigint NOT NULL,
    before_offset bigint NOT NULL,
    PRIMARY KEY (name, partition)
);
