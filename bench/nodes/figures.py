"""The figures of nodes: where each stands in the results, and what is to be reached."""

from bench.report import Figure

MS = "ms"

FIGURES: tuple[Figure, ...] = (
    Figure("1,000 nodes: worker", ("cpu_fraction",), "of a core", most=0.15, round_at="heartbeats"),
    Figure("1,000 nodes: log", ("log_bytes_per_s",), "B/s", most=40_000),
    Figure("10,000 locks of a dead node: all told", ("sweep_ms",), MS, most=1_000, round_at="sweep"),
    Figure("10,000 locks of a dead node: first told", ("sweep_first_ms",), MS, most=50),
    Figure("silence to verdict at 5 s: p99", ("detect_p99_ms",), MS, most=5_600),
    Figure("silence to verdict at 5 s: p50", ("detect_p50_ms",), MS),
)
