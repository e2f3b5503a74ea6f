"""Queues: priority, order, delay, retry, dead letters, as pure code."""
