"""Deterministic simulation: the engine's own classes on a virtual loop, log, network and clocks, judged independently."""
