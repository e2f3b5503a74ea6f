"""`python -m tests.chaos.tables.projector`: a projector of the windows alone."""

import sys

from streams.catalog import KINDS
from streams.ops.logs import configure_logs
from streams.ops.starting import EXIT_CONFIGURATION, run_process, settings_of
from streams.projector.configuration import ProjectorSettings
from streams.projector.worker import run
from tests.chaos.tables.windows import TUMBLING


def main() -> int:
    settings = settings_of("The projector's", ProjectorSettings)
    if settings is None:
        return EXIT_CONFIGURATION
    configure_logs(settings.log_level, projector=settings.projector_name)
    return run_process(run(settings, KINDS, (TUMBLING,)))


if __name__ == "__main__":
    sys.exit(main())
