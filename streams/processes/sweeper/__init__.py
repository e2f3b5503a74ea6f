"""The sweeper: ends the sessions of nodes that are gone in every partition of every kind. `process` is its shell."""
