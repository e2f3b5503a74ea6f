"""`tidelock env`: the environment that lets programs reach the running stack."""

import shlex

from tidelock.cli.discovery import find
from tidelock.cli.options import HOME, Home


def environment(home: Home = HOME) -> None:
    """Print the settings that let programs of this machine reach the running stack.

    Example: `eval "$(tidelock env)"`, then `python your_program.py` with `tidelock.connect()` in it, or
    `examples/publish_command.py`.
    """
    running = find(home)
    settings = {
        "TIDELOCK_KAFKA": running.kafka,
        "TIDELOCK_WORKERS": ",".join(running.workers),
        "TIDELOCK_TOKEN": running.token,
    }
    for name, text in settings.items():
        if text:
            print(f"export {name}={shlex.quote(text)}")
