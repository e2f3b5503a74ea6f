"""Kafka's jars: exactly those of `kafka.lock`, fetched by jgo into its own cache, checked by SHA-256.

The lock file pins what jgo resolves for kafka_2.13 and kafka-clients 4.3.0 (jgo alone would take
kafka-clients 3.8.0) and log4j-slf4j-impl 2.24.3. With it a first start fetches 46 files instead of
walking hundreds of POMs, a file cut short by Ctrl-C is noticed, and a second start is offline. jgo's
configuration says which repository serves them.

`python -m tidelock.local.jars` fetches and prints progress as JSON lines: the stack runs it as a child
process, so that Ctrl-C ends a download at once. `--lock` resolves anew and prints a lock file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCK_FILE = Path(__file__).parent / "kafka.lock"
ENDPOINTS = (
    "org.apache.kafka:kafka_2.13:4.3.0",
    "org.apache.kafka:kafka-clients:4.3.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Pin:
    """One jar: Maven coordinates and the SHA-256 of its bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def pins() -> tuple[Pin, ...]:
    """Return the lock file's content, in class path order."""
    lines = (line.split() for line in LOCK_FILE.read_text().splitlines() if line and not line.startswith("#"))
    return tuple(_pin(coordinate, sha256) for coordinate, sha256 in lines)


def fetch(report: Callable[[dict[str, object]], None]) -> tuple[Path, ...]:
    """Return all jars, downloading what is missing; `report` gets `{"done", "total", "name"}`."""
    context = _context()
    wanted = pins()
    with _one_at_a_time(context.repo_cache), ThreadPoolExecutor(_AT_ONCE) as pool:
        paths = []
        for done, path in enumerate(pool.map(lambda pin: _jar(context, pin), wanted), start=1):
            paths.append(path)
            report({"done": done, "total": len(wanted), "name": path.name})
    return tuple(paths)


def _pin(coordinate: str, sha256: str) -> Pin:
    group, artifact, version = coordinate.split(":")
    return Pin(group, artifact, version, sha256)


def _jar(context: Any, pin: Pin) -> Path:
    artifact = context.project(pin.group, pin.artifact).at_version(pin.version).artifact()
    cached = artifact.cached_path
    if cached is not None and cached.exists() and _sha256(cached) != pin.sha256:
        cached.unlink()  # jgo writes in place and would trust what an interrupted download left
    path = Path(artifact.resolve())
    if _sha256(path) != pin.sha256:
        path.unlink()
        raise ValueError(f"{pin} does not have the pinned SHA-256")
    return path


def _context() -> Any:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - half a second that only a download pays
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    settings = GlobalSettings.load()
    repositories = {"central": MAVEN_CENTRAL_URL, **settings.repositories}
    return MavenContext(repo_cache=settings.repo_cache, remote_repos=repositories)


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


@contextmanager
def _one_at_a_time(repository: Path) -> Iterator[None]:
    """Two first starts on one machine share the cache: the second waits and then finds everything."""
    repository.mkdir(parents=True, exist_ok=True)
    with (repository / ".tidelock.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _lock() -> Iterator[str]:
    from jgo.parse import Coordinate  # noqa: PLC0415

    context = _context()
    inputs = [context.create_dependency(Coordinate.parse(endpoint)) for endpoint in ENDPOINTS]
    first, transitive = context.resolver.resolve(inputs)
    for found in {
        str(d.artifact): d.artifact for d in (*first, *(d for d in transitive if d.scope != "test"))
    }.values():
        yield f"{found.groupId}:{found.artifactId}:{found.version} {_sha256(Path(found.resolve()))}"


def main(argv: list[str]) -> int:
    """Fetch (or `--lock`), talking JSON lines."""
    logging.getLogger("jgo").setLevel(logging.ERROR)
    if "--lock" in argv:
        print("# Kafka's class path. Written by: python -m tidelock.local.jars --lock")
        print("\n".join(_lock()))
        return 0

    def report(fields: dict[str, object]) -> None:
        print(json.dumps(fields), flush=True)

    try:
        paths = fetch(report)
    except Exception as error:  # jgo and requests raise many kinds; the parent makes it typed
        report({"error": str(error) or type(error).__name__})
        return 1
    report({"paths": [str(path) for path in paths]})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
