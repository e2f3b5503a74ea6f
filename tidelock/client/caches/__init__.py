"""Caches: lines of entries kept here, coherent by a directory. See docs/protocols/caches.md."""
