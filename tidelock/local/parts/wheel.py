"""Find the files of a wheel that brings a server, without importing it: such imports do work and warn."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tidelock.local.errors import PartMissing


def wheel_file(part: str, package: str, *names: str) -> Path:
    """Return the path of a file inside an installed package; raises PartMissing."""
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        file = Path(folder).joinpath(*names)
        if file.exists():
            return file
    what = f"the package {package} with {'/'.join(names)} is not installed"
    raise PartMissing(part, what, f"Install it, or set TIDELOCK_{part.upper()} to a running server.")
