"""Histories of caches: the real directory in the real engine, the real client, and a judge of what was read."""
