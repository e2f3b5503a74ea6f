"""Takes away from the Redis tier of caches what the log says has changed (ADR 25)."""
