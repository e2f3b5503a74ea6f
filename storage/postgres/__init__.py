"""Read models in PostgreSQL: migrations, pool, and the adapters of `streams.projections.ports`."""
