"""Make later starts fast and offline: fetch Kafka's jars and train the JVM cache now.

`python -m tidelock.local.prefetch`, for `make setup`, container images and CI caches.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tidelock.local.child import Watcher
from tidelock.local.errors import LocalStackError
from tidelock.local.journal import Journal
from tidelock.local.jvm_cache import train
from tidelock.local.kafka_program import find
from tidelock.local.supervisor import Surroundings


class _Lines:
    def step(self, done: int, total: int, name: str) -> None:
        """Show every file on one line."""
        print(f"\rfetching Kafka {done}/{total} {name:<40.40}", end="\n" if done == total else "", flush=True)


async def prefetch() -> None:
    """Fetch and train; raises LocalStackError."""
    with tempfile.TemporaryDirectory(prefix="tidelock-") as folder:
        home = Path(folder)
        program = await find(home, _Lines())
        watcher = Watcher()
        await watcher.start()
        try:
            around = Surroundings(home, watcher, Journal(home / "log"), print, lambda: None)
            made = await train(home, program, around)
        finally:
            await watcher.stop()
        print(f"JVM cache {'made' if made else 'already there'}: {program.cache}")


def main() -> int:
    """Run `prefetch` as a command."""
    try:
        asyncio.run(prefetch())
    except LocalStackError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
