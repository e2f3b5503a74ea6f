"""The figures of the read side: where each stands in the results, and what is to be reached."""

from bench.report import Figure

MS, KIB = "ms", "KiB"
DECISIONS, REQUESTS = "decisions/s", "requests/s"

FIGURES: tuple[Figure, ...] = (
    Figure("projection into PostgreSQL", ("project_decisions_per_s",), DECISIONS, least=20_000),
    Figure("projection, one decision a record", ("project_single_per_s",), "records/s", least=4000),
    Figure("commit to visible in PostgreSQL: p95", ("visible_p95_ms",), MS, most=250),
    Figure("commit to pushed to a subscriber: p95", ("pushed_p95_ms",), MS, most=20),
    Figure("deadlock of 3 on 3 partitions: p50", ("deadlock_p50_ms",), MS, most=10),
    Figure("deadlock of 3 on 3 partitions: p99", ("deadlock_p99_ms",), MS),
    *(
        Figure(f"  {stage}: mean", ("deadlock_stages_ms", stage), MS)
        for stage in ("closing edge appended", "seen, confirmed, abort appended", "victim told")
    ),
    Figure("GraphQL page of 20 rows", ("page_per_s",), REQUESTS, least=1000),
    Figure("GraphQL page of 20 rows: p99", ("page_p99_ms",), MS, most=60),
    Figure("2,000 subscribers, 2,000 pushes/s: p95", ("fanout_p95_ms",), MS, most=250),
    Figure("memory a subscriber", ("kib_per_subscriber",), KIB, most=64),
    Figure("a lock as of a time, 1 M history rows: p95", ("at_p95_ms",), MS, most=20),
)
