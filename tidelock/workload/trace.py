"""A block I/O trace as a workload. Of locks: reads share, writes exclude, one lock an extent of 2,048 blocks. Of
messages: each I/O is one, and those of one first block are a group.

Columns: version, time, op (SCSI operation code, hex), size (bytes), lbn (first block of 512 bytes); version and
time are not looked at.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

BLOCK_BYTES = 512
EXTENT_BLOCKS = 2048
READS = frozenset({"28", "88", "a8"})
WRITES = frozenset({"2a", "8a", "aa"})
MAX_SIZE_BYTES = 2**30
"""1,025 locks at most for one request: a size beyond it is a damaged line, not an I/O."""
MAX_LBN = 2**44 - 1
"""8 PiB: the number of an extent fits the ten digits of its name, so that names sort like numbers."""
COLUMNS = ("op", "size", "lbn")
CURE = (
    "Expected columns version,time,op,size,lbn: op 28 (read) or 2a (write), "
    f"size 0 to {MAX_SIZE_BYTES} bytes, lbn 0 to {MAX_LBN}. Correct the line or leave it out."
)


class TraceProblem(Exception):
    """The file is no trace that can be replayed; the message says where."""

    code = "TRACE"


@dataclass(frozen=True, slots=True)
class BlockIo:
    """One line of the trace."""

    line: int
    op: str
    size: int
    lbn: int


@dataclass(frozen=True, slots=True)
class Request:
    """One I/O: the locks it takes, in the order of their names, all shared or all exclusive."""

    shared: bool
    names: tuple[str, ...]


def read_trace(path: Path, limit: int | None = None, prefix: str = "extent") -> list[Request]:
    """Return the first `limit` I/Os as requests for locks, at least one. Raises `TraceProblem`."""
    return [_request(each, prefix) for each in read_ios(path, limit)]


def read_ios(path: Path, limit: int | None = None) -> list[BlockIo]:
    """Return the first `limit` I/Os, at least one. Raises `TraceProblem`."""
    try:
        with path.open(newline="") as file:
            ios = list(islice(_ios(path, csv.DictReader(file)), limit))
    except (OSError, UnicodeDecodeError) as error:
        raise TraceProblem(f"{path} cannot be read ({error}). Give the path of a CSV trace.") from error
    if not ios:
        raise TraceProblem(f"There are no requests in {path} below its first line. {CURE}")
    return ios


def _ios(path: Path, rows: "csv.DictReader[str]") -> Iterator[BlockIo]:
    try:
        _check_columns(path, rows.fieldnames or ())
        for row in rows:
            yield _io(rows.line_num, row)
    except UnicodeDecodeError:
        raise  # a ValueError, but it says nothing of a line
    except (csv.Error, ValueError) as error:
        line = rows.line_num + isinstance(error, csv.Error)  # which comes before the line is counted
        raise TraceProblem(f"{path}:{line} is no request ({error}). {CURE}") from error


def _check_columns(path: Path, found: Sequence[str]) -> None:
    missing = [column for column in COLUMNS if column not in found]
    if missing:
        raise TraceProblem(
            f"There are no requests in {path}: its first line does not name the columns {', '.join(missing)}. {CURE}"
        )


def _io(line: int, row: dict[str, str | None]) -> BlockIo:
    given = {column: row[column] or "" for column in COLUMNS}
    missing = [column for column, text in given.items() if not text]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    op, size, lbn = given["op"].lower(), int(given["size"]), int(given["lbn"])
    if op not in READS | WRITES:
        raise ValueError(f"op {op!r} neither reads nor writes")
    _check_range("size", size, MAX_SIZE_BYTES)
    _check_range("lbn", lbn, MAX_LBN)
    return BlockIo(line, op, size, lbn)


def _request(io: BlockIo, prefix: str) -> Request:
    last = io.lbn + max(1, -(-io.size // BLOCK_BYTES)) - 1
    extents = range(io.lbn // EXTENT_BLOCKS, last // EXTENT_BLOCKS + 1)
    return Request(io.op in READS, tuple(f"{prefix}/{extent:010d}" for extent in extents))


def _check_range(column: str, number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise ValueError(f"{column} {number} is not within 0 to {most}")
