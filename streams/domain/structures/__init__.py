"""Persistent structures that deciders share: heap, agenda, fifo. Standard library and `immutables` only."""
