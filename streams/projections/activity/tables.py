"""The tables of activity, kept on changelogs: they have no SQL."""

from streams.projections.table import Table

ACTIVITY = Table(
    "activity",
    (
        "partition",
        "view",               # names, tenants
        "tenant", "name",     # of the view `tenants` the name is empty
        "start_ms",
        "state",              # what the window's operator stores (`streams.windows.panes`), JSON
    ),
    key=5,
    restores=True,
)  # fmt: skip
"""One row a window that is open, or has been over for less than a minute.

The row under an empty tenant and `start_ms` 0 is its view's clock: watermark and counters (`streams.windows.clock`).
"""
