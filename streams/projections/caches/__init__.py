"""The read models of the kind `caches`."""
