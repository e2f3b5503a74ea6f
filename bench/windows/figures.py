"""The figures of windows, and what is to be reached."""

from bench.report import Figure

FIGURES: tuple[Figure, ...] = (
    Figure("windows, pure core, one core", ("window_events_per_s",), "events/s", least=200_000),
    Figure(
        "projector, all kinds and aggregates, into PostgreSQL",
        ("project_decisions_per_s",),
        "decisions/s",
        least=15_000,
    ),
    Figure(
        "table, 200 keys: fold to changelog acknowledged",
        ("table_records_per_s",),
        "records/s",
        least=100_000,
    ),
    Figure("  the same, from the log's bytes on", ("table_judged_records_per_s",), "records/s"),
    Figure("table of 200,000 rows, lost and ready again", ("table_recovery_s",), "s", most=5),
    Figure(
        "InfluxDB sink, points of queues with all their fields",
        ("influx_points_per_s",),
        "points/s",
        least=50_000,
    ),
    Figure(
        "  the same lines, ready-made, of a client that only sends", ("influx_ready_made_per_s",), "points/s"
    ),
    Figure("another build of locks promoted under load", ("promote_ms",), "ms", most=1_000),
    Figure("  rows that are wrong afterwards", ("promote_wrong_rows",), "rows", most=0),
    Figure("  writes held", ("promote", "writes_held_ms"), "ms"),
    Figure("  the slowest read meanwhile", ("promote", "slowest_read_ms"), "ms"),
    Figure("slowest panel of Grafana over 7 days, p95", ("panel_p95_ms",), "ms", most=500),
    Figure("  the panel in the middle", ("panel_median_ms",), "ms"),
    Figure("  series of points of ten seconds", ("panel_series",), ""),
)
