"""The figures of caches: where each stands in the results, and what is to be reached."""

from bench.report import Figure

FIGURES: tuple[Figure, ...] = (
    Figure("read that a line answers", ("hit_us",), "µs", most=1.5),
    Figure("read that the directory answers: p50", ("miss_p50_ms",), "ms", most=1.0, round_at="miss"),
    Figure("write call to another node's line Invalid: p50", ("invalidate_p50_ms",), "ms", most=1.0),
    Figure("strict write with 1 sharer: p50", ("strict1_p50_ms",), "ms", round_at="strict1"),
    Figure("strict write with 16 sharers: p50", ("strict16_p50_ms",), "ms", most=4.0, round_at="strict16"),
    Figure("trace, 4 nodes, strict: reads that lines answered", ("trace_hit_rate",), "of 1"),
    Figure("trace, 4 nodes, strict: stale reads", ("stale_reads",), "", most=0),
)
