"""Benchmarks: real Kafka, everything on one machine. Measurements, never timed tests. See README.md."""
