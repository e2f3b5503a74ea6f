"""THE list of what processes tell of themselves. docs/metrics.md says what it means; a process tells what it has."""

from typing import Final

from streams.domain.caches.kind import CACHES
from streams.reports.measurement import Counted, Lasting, Measurement, Standing

WORKER: Final = Measurement(
    "worker_points",
    ("process", "kind"),
    counted=(
        Counted("decisions", "tidelock_decisions_total"),
        Counted("commits", "tidelock_commits_total"),
        Counted("commit_bytes", "tidelock_commit_bytes_total"),
        Counted("troubles", "tidelock_ownership_troubles_total"),
        Counted("failures", "tidelock_internal_failures_total"),
        Counted("owners_ended", "tidelock_owners_ended_total"),
    ),
    lasting=(Lasting("decides", "tidelock_decide_seconds"), Lasting("appends", "tidelock_append_seconds")),
)
WORKER_STANDS: Final = Measurement(
    "worker_gauges",
    ("process", "kind"),
    standing=(
        Standing("leading", "tidelock_leading"),
        Standing("quarantined", "tidelock_quarantined"),
        Standing("queued", "tidelock_queued_commands"),
        Standing("queued_bytes", "tidelock_queued_bytes"),
    ),
)
PROJECTOR: Final = Measurement(
    "projector_points",
    ("process", "projection"),
    counted=(
        Counted("decisions", "tidelock_projection_decisions_total"),
        Counted("troubles", "tidelock_projection_troubles_total"),
        Counted("poison", "tidelock_projection_poison_total"),
    ),
    lasting=(Lasting("writes", "tidelock_projection_write_seconds"),),
)
PHASES: Final = ("loading", "catching up", "following", "stepping", "waiting", "halted", "left alone")
"""States of a lane of the projector that are fields of their own."""
PROJECTOR_STANDS: Final = Measurement(
    "projector_gauges",
    ("process", "projection"),
    standing=(
        Standing("lag_ms", "tidelock_projection_lag_seconds", scale=1000, together="max"),
        Standing("lag_records", "tidelock_projection_lag_records"),
        Standing("lanes", "tidelock_projection_healthy", together="count"),
        Standing("healthy", "tidelock_projection_healthy"),
        *(
            Standing(phase.replace(" ", "_"), "tidelock_projection_lanes", only=(("phase", phase),))
            for phase in PHASES
        ),
        Standing("hot_lag_ms", "tidelock_hot_copy_lag_seconds", scale=1000, together="max"),
        Standing("points_wait", "tidelock_points_wait"),
    ),
)
API: Final = Measurement(
    "api_points",
    ("process",),
    counted=(
        Counted("refused", "tidelock_api_requests_total", only=(("outcome", "refused"),)),
        Counted("failed", "tidelock_api_requests_total", only=(("outcome", "failed"),)),
    ),
    lasting=(Lasting("requests", "tidelock_api_request_seconds", slow="slow"),),
)
API_CODES: Final = Measurement(
    "api_code_points",
    ("process", "code"),
    counted=(Counted("answers", "tidelock_api_requests_total"),),
    sparse=True,
)
CLIENT_CACHES: Final = Measurement(
    "client_cache_points",
    ("process", "tenant", "cache"),
    counted=tuple(
        Counted(what, "tidelock_client_counts_total", only=(("kind", CACHES.name), ("what", what)))
        for what in CACHES.told
    ),
    labels=(("cache", "name"),),
    sparse=True,
)
LETTERS: Final = Measurement(
    "letter_points",
    ("process", "kind", "stage"),
    counted=(Counted("letters", "tidelock_dead_letters_total"),),
    sparse=True,
)
TASKS: Final = Measurement(
    "task_points",
    ("process",),
    counted=(
        Counted("cycles", "tidelock_deadlock_cycles_total"),
        Counted("aborts", "tidelock_deadlock_aborts_total"),
        Counted("moved", "tidelock_moves_total", only=(("outcome", "moved"),)),
        Counted("moves_failed", "tidelock_moves_total", only=(("outcome", "failed"),)),
        Counted("sweeps", "tidelock_sweeps_total"),
        Counted("mass_failures", "tidelock_mass_failures_total"),
        Counted("tier_changes", "tidelock_tier_changes_total"),
        Counted("troubles", "tidelock_processes_troubles_total"),
    ),
    lasting=(
        Lasting("abort_times", "tidelock_deadlock_abort_seconds"),
        Lasting("sweep_times", "tidelock_sweep_seconds"),
    ),
)
TASKS_STAND: Final = Measurement(
    "task_gauges",
    ("process",),
    standing=(
        Standing("moving", "tidelock_moves_moving"),
        Standing("moves_waited_for", "tidelock_moves_waited_for"),
        Standing("unswept", "tidelock_sweeps_unswept"),
        Standing("sweeps_held", "tidelock_sweeps_held"),
        Standing("sweeps_waited_for", "tidelock_sweeps_waited_for"),
        Standing("nodes_live", "tidelock_nodes_live"),
        Standing("nodes_suspected", "tidelock_nodes_suspected"),
        Standing("brake_pulled", "tidelock_brake_pulled"),
        Standing("tier_signed", "tidelock_tier_signed"),
    ),
)
PROCESS: Final = Measurement(
    "process_points",
    ("process", "role"),
    counted=(
        Counted("cpu_ms", "process_cpu_seconds_total", scale=1000),
        Counted("reports_lost", "tidelock_reports_lost_total"),
    ),
)
PROCESS_STANDS: Final = Measurement(
    "process_gauges",
    ("process", "role"),
    standing=(
        Standing("memory_bytes", "process_resident_memory_bytes"),
        Standing("open_files", "process_open_fds"),
        Standing("registered", "tidelock_node_registered"),
        Standing("connections", "tidelock_connections"),
        Standing("sessions", "tidelock_api_sessions"),
    ),
)
DISKS: Final = Measurement(
    "disk_gauges",
    ("process", "path"),
    standing=(
        Standing("used_percent", "tidelock_disk_used_percent", together="max", whole=False),
        Standing("used_bytes", "tidelock_disk_used_bytes"),
        Standing("free_bytes", "tidelock_disk_free_bytes"),
    ),
)
MEASUREMENTS: Final = (
    WORKER, WORKER_STANDS, PROJECTOR, PROJECTOR_STANDS, API, API_CODES, CLIENT_CACHES, LETTERS, TASKS, TASKS_STAND,
    PROCESS, PROCESS_STANDS, DISKS,
)  # fmt: skip
