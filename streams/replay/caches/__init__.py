"""Caches as their logs tell of them."""
