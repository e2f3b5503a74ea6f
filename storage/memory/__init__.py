"""Complete adapters in memory, for pure tests."""
