"""What processes tell of themselves, as points: which metrics of their registries, under which tags. Pure.

From the samples of a Prometheus registry to rows of measurements. What is in a log is told by read models, never so.
"""
