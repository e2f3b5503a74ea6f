"""The fingerprints of released schemas, in `fingerprints.json`. What is in there never changes.

Stored logs are read by fingerprint for ever, so a released schema file may gain documentation, nothing else.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from schemas.catalogue import SchemaFile
from schemas.errors import FingerprintDrift

RELEASED = Path(__file__).with_name("fingerprints.json")


def key(file: SchemaFile) -> str:
    """Return the name of one version: `tidelock.locks.LockGranted`, `tidelock.locks.LockGranted.v2`."""
    return file.fullname if file.version == 1 else f"{file.fullname}.v{file.version}"


def released(path: Path = RELEASED) -> Mapping[str, str]:
    """Return the released fingerprints, in hex, by `key`."""
    found: Mapping[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def drifts(files: Iterable[SchemaFile], frozen: Mapping[str, str]) -> Iterator[FingerprintDrift]:
    """Yield an error for each released schema that is gone or has another fingerprint now."""
    found = {key(file): file.fingerprint.hex() for file in files}
    for name, fingerprint in frozen.items():
        if found.get(name) != fingerprint:
            yield FingerprintDrift(name, fingerprint, found.get(name, "none, as its file is gone"))


def unreleased(files: Iterable[SchemaFile], frozen: Mapping[str, str]) -> tuple[SchemaFile, ...]:
    """Return the schemas that no release has yet, so that they may still change."""
    return tuple(file for file in files if key(file) not in frozen)


def freeze(files: Iterable[SchemaFile], path: Path = RELEASED) -> tuple[str, ...]:
    """Add the schemas that are new and return their keys. FingerprintDrift if a released one changed."""
    known, frozen = tuple(files), dict(released(path))
    for error in drifts(known, frozen):
        raise error
    new = {key(file): file.fingerprint.hex() for file in unreleased(known, frozen)}
    path.write_text(json.dumps(dict(sorted((frozen | new).items())), indent=1) + "\n", "utf-8")
    return tuple(new)
