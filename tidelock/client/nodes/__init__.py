"""Nodes and services as programs use them: this client as a node, what it offers, whom it calls."""
