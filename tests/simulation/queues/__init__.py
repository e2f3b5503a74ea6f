"""Histories of queues: a sharded one, one that takes its dead letters, a mover in between."""
