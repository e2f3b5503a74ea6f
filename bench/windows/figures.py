"""The figures of windows, and what is to be reached."""

from bench.report import Figure

FIGURES: tuple[Figure, ...] = (
    Figure("windows, pure core, one core", ("window_events_per_s",), "events/s", least=200_000),
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
)
