"""A later release, which raises the version of `locks`: its projector, and its command line.

`python -m tests.integration.projector.later projector`, or `.. later cli projection list`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace

from streams import read_models
from streams.projections.locks.fold import LocksFold
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.tables import LOCK_WINDOWS
from streams.projections.projection import Projection
from streams.projections.table import Changes, Row, Table


class WithoutWindows(LocksFold):
    """What everybody sees that it is another fold by."""

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back all that it keeps."""
        if table != LOCK_WINDOWS:
            super().restore(table, rows)

    def take(self) -> Changes:
        """Return what changed, but for windows."""
        changes = super().take()
        for of_tables in (changes.inserted, changes.put, changes.closed):
            of_tables.pop(LOCK_WINDOWS, None)
        return changes


LATER = replace(LOCKS, version=LOCKS.version + 1, fold=WithoutWindows)


def _later(projection: Projection) -> Projection:
    return LATER if projection.name == LATER.name else projection


def main(what: str) -> int:
    """Run it with the read models of the later release."""
    vars(read_models)["PROJECTIONS"] = tuple(map(_later, read_models.PROJECTIONS))
    if what == "projector":
        from streams.projector.worker import main as projector  # it takes what is there by then

        return projector()
    from tidelock.cli.main import main as cli

    sys.argv = ["tidelock", *sys.argv[2:]]
    return cli()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
