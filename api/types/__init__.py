"""The types of the schema. Objects come as the rows of `streams.projections.locks.reads`; the types only name them."""
