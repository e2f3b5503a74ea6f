"""A block I/O trace as a workload of locks: reads share, writes exclude, one lock an extent of 2,048 blocks.

Columns: version, time, op (SCSI operation code, hex), size (bytes), lbn (first block of 512 bytes).
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

BLOCK_BYTES = 512
EXTENT_BLOCKS = 2048
READS = frozenset({"28", "88", "a8"})
WRITES = frozenset({"2a", "8a", "aa"})


class TraceProblem(Exception):
    """The file is no trace that can be replayed; the message says where."""

    code = "TRACE"


@dataclass(frozen=True, slots=True)
class Request:
    """One I/O: the locks it takes, in the order of their names, all shared or all exclusive."""

    shared: bool
    names: tuple[str, ...]


def read_trace(path: Path, limit: int | None = None, prefix: str = "extent") -> list[Request]:
    """Return the first `limit` requests. Raises `TraceProblem`."""
    try:
        with path.open(newline="") as file:
            return list(islice(_requests(path, csv.DictReader(file), prefix), limit))
    except (OSError, UnicodeDecodeError) as error:
        raise TraceProblem(f"{path} cannot be read ({error}). Give the path of a CSV trace.") from error


def _requests(path: Path, rows: Iterator[dict[str, str]], prefix: str) -> Iterator[Request]:
    for line, row in enumerate(rows, 2):
        try:
            yield _request(row, prefix)
        except (KeyError, TypeError, ValueError) as error:
            raise TraceProblem(
                f"{path}:{line} is no request ({error!r}). Expected columns version,time,op,size,lbn with op 28 or 2a."
            ) from error


def _request(row: dict[str, str], prefix: str) -> Request:
    op, size, lbn = row["op"].lower(), int(row["size"]), int(row["lbn"])
    if op not in READS | WRITES:
        raise ValueError(f"op {op} neither reads nor writes")
    last = lbn + max(1, -(-size // BLOCK_BYTES)) - 1
    extents = range(lbn // EXTENT_BLOCKS, last // EXTENT_BLOCKS + 1)
    return Request(op in READS, tuple(f"{prefix}/{extent:010d}" for extent in extents))
