"""Measures caches."""
