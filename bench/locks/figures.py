"""The figures of the lock kind: where each stands in the results, and what is to be reached."""

from bench.report import Figure

PAIRS, MS = "pairs/s", "ms"

FIGURES: tuple[Figure, ...] = (
    Figure("direct, 1 client: p50", ("direct", "1", "p50_ms"), MS, most=1.0),
    Figure("direct, 1 client: p99", ("direct", "1", "p99_ms"), MS),
    Figure("direct, 32 clients", ("direct", "32", "pairs_per_s"), PAIRS, least=8000),
    Figure("direct, 256 clients", ("direct", "256", "pairs_per_s"), PAIRS, least=18_000),
    Figure("direct, 256 clients: p99", ("direct", "256", "p99_ms"), MS),
    Figure("direct, 256 handles, one connection", ("direct_one_connection", "256", "pairs_per_s"), PAIRS),
    Figure("topic lane, 1 client: p50", ("topic", "1", "p50_ms"), MS),
    Figure("topic lane, 32 clients", ("topic", "32", "pairs_per_s"), PAIRS),
    Figure("topic lane, 256 clients", ("topic", "256", "pairs_per_s"), PAIRS, least=10_000),
    Figure("one lock, 32 clients, FIFO", ("contended_32", "grants_per_s"), "grants/s", least=1800),
    Figure("one lock: fewest grants to a client", ("contended_32", "min_grants"), "grants"),
    Figure("one lock: most grants to a client", ("contended_32", "max_grants"), "grants"),
    Figure("one lock: most minus fewest grants", ("contended_32", "worst_difference"), "grants", most=1),
    Figure("direct, fsync, 1 client: p50", ("direct_fsync", "1", "p50_ms"), MS),
    Figure("direct, fsync, 32 clients", ("direct_fsync", "32", "pairs_per_s"), PAIRS),
    Figure("direct, fsync, 256 clients", ("direct_fsync", "256", "pairs_per_s"), PAIRS),
    Figure("replay, one core", ("replay", "decisions_per_s"), "decisions/s", least=100_000),
    Figure("replay: decisions a record", ("replay", "decisions_per_record"), ""),
    Figure("replay, fetching from Kafka", ("replay", "fetching_decisions_per_s"), "decisions/s"),
    Figure("take-over, SIGTERM", ("takeover", "graceful_ms"), MS, most=500),
    Figure("take-over, SIGKILL, session 3 s", ("takeover", "killed_ms"), MS, most=4000),
    Figure("memory a held lock", ("memory", "bytes_per_held_lock"), "bytes", most=1024),
    Figure("hostile input, worst piece", ("hostile", "max_cpu_ms"), "ms CPU"),
)
