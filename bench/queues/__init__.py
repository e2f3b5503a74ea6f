"""Measures queues."""
