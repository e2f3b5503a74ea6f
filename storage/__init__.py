"""Adapters of the ports, one technology a folder."""
