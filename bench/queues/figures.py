"""The figures of queues: where each stands in the results, and what is to be reached."""

from bench.report import Figure

RATE, MS = "msg/s", "ms"

FIGURES: tuple[Figure, ...] = (
    Figure("window 1, ack per message", ("w1",), RATE, least=1500, round_at="w1_round"),
    Figure("window 100, ack per message", ("w100",), RATE, least=10_000, round_at="w100_round"),
    Figure("batches of 100, acks in batches", ("batch100",), RATE, least=40_000, round_at="batch100_round"),
    Figure("enqueue to delivered at 500/s: p50", ("paced_p50_ms",), MS, most=1.0, round_at="paced_round"),
    Figure("enqueue to delivered at 500/s: p99", ("paced_p99_ms",), MS, most=3.0),
    Figure("a million messages in the owner", ("million_mib",), "MiB", most=600),
    Figure("enqueue rate then, against empty", ("million_rate_ratio",), "", least=0.8),
    Figure("keys moved by a fifth shard, against the ideal", ("resize_excess",), "", most=1.15),
)
