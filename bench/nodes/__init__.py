"""Measures nodes, their sessions and the sweeper."""
