"""Deterministic simulation: the engine's own classes on a virtual loop, log and network, with a judge beside them."""
