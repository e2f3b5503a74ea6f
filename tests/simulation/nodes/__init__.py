"""Nodes, their sessions and services, and the sweeper, in histories."""
