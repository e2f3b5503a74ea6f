"""Read models in tables: rows and position in one compacted changelog. An adapter of `ProjectionStore`."""
