-- The values that stand and have a tag: `entries(filter: {tag})`.
CREATE INDEX cache_entries_tagged ON tidelock.cache_entries USING gin (tags jsonb_path_ops) WHERE to_event IS NULL;
