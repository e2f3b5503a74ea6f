"""Queues, as a client sees them: putting, receiving, consuming."""
