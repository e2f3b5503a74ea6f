"""The figures of windows, and what is to be reached."""

from bench.report import Figure

FIGURES: tuple[Figure, ...] = (
    Figure("windows, pure core, one core", ("window_events_per_s",), "events/s", least=200_000),
    Figure(
        "InfluxDB sink, points of queues with all their fields",
        ("influx_points_per_s",),
        "points/s",
        least=50_000,
    ),
)
