"""A projector of the windows alone, as a process forked from one that has imported everything: it starts at once."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from streams.catalog import KINDS
from streams.ops.logs import configure_logs
from streams.ops.starting import EXIT_CONFIGURATION, run_process, settings_of
from streams.projector.configuration import ProjectorSettings
from streams.projector.worker import run
from tests.chaos.tables.windows import KEPT


def project(environment: Mapping[str, str], log: Path) -> None:
    """Run until told to end; what is said goes to `log`."""
    for name in [name for name in os.environ if name.startswith("TIDELOCK_")]:
        del os.environ[name]
    os.environ.update(environment)
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.exit(_main())


def _main() -> int:
    settings = settings_of("The projector's", ProjectorSettings)
    if settings is None:
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, projector=settings.projector_name)
    return run_process(run(settings, KINDS, KEPT))
