"""The stack's own log, JSON lines in `.tidelock/logs/stack.log`; and reading the end of a part's log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_ROTATE_BYTES = 16 * 1024 * 1024
_TAIL_BYTES = 16 * 1024


class Journal:
    """Appends events to one file. Opening per line keeps it correct when somebody deletes the directory."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def note(self, event: str, **fields: object) -> None:
        """Write one line."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as out:
            out.write(json.dumps(line, default=str) + "\n")


def open_log(file: Path) -> BinaryIO:
    """Open a part's log for appending; one that grew large moves to `.1` first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > _ROTATE_BYTES:
        file.replace(file.with_name(file.name + ".1"))
    return file.open("ab")


def end_of(file: Path) -> int:
    """Return where the log will go on, in bytes; one that is so large that it is moved away begins anew."""
    size = file.stat().st_size if file.exists() else 0
    return 0 if size > _ROTATE_BYTES else size


def tail(file: Path, lines: int = 8, since: int = 0) -> tuple[str, ...]:
    """Return the last `lines` lines from byte `since` on, cut to a readable width."""
    try:
        with file.open("rb") as log:
            log.seek(max(since, file.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return ()
    return tuple(_readable(line) for line in text.splitlines()[-lines:])


def _readable(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line[:300]
    if not isinstance(record, dict) or not (said := record.get("message") or record.get("event")):
        return line[:300]
    thrown, error = record.get("thrown") or {}, record.get("error")
    cause = f" ({thrown.get('name')}: {thrown.get('message')})" if thrown else f" ({error})" if error else ""
    return f"{record.get('level', record.get('error_severity', ''))} {said}{cause}"[:300]
