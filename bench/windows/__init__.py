"""Figures of windows: the pure core, and what runs on it."""
