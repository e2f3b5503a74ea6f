"""The figures of queues: where each stands in the results, and what is to be reached."""

from bench.report import Figure

RATE, MS = "msg/s", "ms"

FIGURES: tuple[Figure, ...] = (
    Figure("window 1, ack per message", ("w1", "messages_per_s"), RATE, least=1500),
    Figure("window 100, ack per message", ("w100", "messages_per_s"), RATE, least=10_000),
    Figure("batches of 100, acks in batches", ("batch100", "messages_per_s"), RATE, least=40_000),
    Figure("enqueue to delivered at 500/s: p50", ("paced", "p50_ms"), MS, most=1.0),
    Figure("enqueue to delivered at 500/s: p99", ("paced", "p99_ms"), MS, most=3.0),
    Figure("a million messages in the owner", ("million", "million_mib"), "MiB", most=600),
    Figure("enqueue rate then, against empty", ("million", "million_rate_ratio"), "", least=0.8),
    Figure("keys moved by one more shard, against the ideal", ("resize", "resize_excess"), "", most=1.15),
)
