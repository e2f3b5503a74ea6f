"""The trace as a workload, and the figures of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidelock.workload.figures import Durations, machine
from tidelock.workload.trace import Request, TraceProblem, read_trace

HEADER = "version,time,op,size,lbn\n"


def trace(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def test_reads_share_and_writes_exclude(tmp_path: Path) -> None:
    requests = read_trace(trace(tmp_path, "1,0,28,512,0", "1,0,2a,512,4096"))
    assert requests == [Request(True, ("extent/0000000000",)), Request(False, ("extent/0000000002",))]


@pytest.mark.parametrize(
    ("size", "lbn", "extents"),
    [
        (512, 2047, [0]),
        (513, 2047, [0, 1]),
        (1024, 2047, [0, 1]),
        (0, 2048, [1]),
        (3 * 1048576, 1, [0, 1, 2, 3]),
    ],
)
def test_a_request_takes_every_extent_that_it_touches_in_order(
    tmp_path: Path, size: int, lbn: int, extents: list[int]
) -> None:
    (request,) = read_trace(trace(tmp_path, f"1,0,2a,{size},{lbn}"))
    assert request.names == tuple(f"extent/{extent:010d}" for extent in extents)
    assert list(request.names) == sorted(request.names)


def test_only_so_many_are_read(tmp_path: Path) -> None:
    assert len(read_trace(trace(tmp_path, *["1,0,28,512,0"] * 5), limit=3)) == 3


@pytest.mark.parametrize("row", ["1,0,99,512,0", "1,0,28,x,0", "1,0,28", "1,0,,512,0", "1", "1,0,28,512,\0"])
def test_what_is_no_request_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(TraceProblem, match=r"trace\.csv:3 is no request"):
        read_trace(trace(tmp_path, "1,0,28,512,0", row))


@pytest.mark.parametrize(
    ("size", "lbn"), [(10**17, 0), (2**30 + 1, 0), (-1, 0), (512, 2**44), (512, 10**30), (512, -1)]
)
def test_a_request_beyond_every_disk_is_refused(tmp_path: Path, size: int, lbn: int) -> None:
    with pytest.raises(TraceProblem, match=r"trace\.csv:2 is no request .* is not within 0 to .*Correct"):
        read_trace(trace(tmp_path, f"1,0,28,{size},{lbn}"))


def test_the_largest_request_has_names_in_order(tmp_path: Path) -> None:
    (request,) = read_trace(trace(tmp_path, f"1,0,28,{2**30},{2**44 - 1}"))
    assert len(request.names) == 1025
    assert list(request.names) == sorted(request.names)


@pytest.mark.parametrize("text", ["", "\0" * 100, HEADER, "time,lbn\n1,2\n", "1,0,28,512,0\n", "\n\n"])
def test_a_file_without_requests_is_refused_and_says_what_is_expected(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(TraceProblem, match=r"no requests in .*version,time,op,size,lbn"):
        read_trace(path)


def test_the_null_device_holds_no_requests() -> None:
    with pytest.raises(TraceProblem, match="no requests in /dev/null"):
        read_trace(Path("/dev/null"))


def test_a_field_too_large_for_csv_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TraceProblem, match=r"trace\.csv:3 is no request .*field larger"):
        read_trace(trace(tmp_path, "1,0,28,512,0", "9" * 200_000))
    path = tmp_path / "header.csv"
    path.write_text("9" * 200_000)
    with pytest.raises(TraceProblem, match=r"header\.csv:1 is no request .*field larger"):
        read_trace(path)


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    with pytest.raises(TraceProblem, match=r"trace\.csv:4 is no request"):
        read_trace(trace(tmp_path, "1,0,28,512,0", "", "1,0,28,x,0"))


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(HEADER.encode() + b"\xff\xfe\n")
    with pytest.raises(TraceProblem, match="cannot be read"):
        read_trace(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TraceProblem, match="cannot be read"):
        read_trace(tmp_path / "none.csv")


def test_percentiles_are_exact() -> None:
    durations = Durations()
    for ms in reversed(range(1, 1001)):
        durations.add(ms / 1000)
    assert durations.percentiles_ms() == {
        "p50": 501.0,
        "p90": 901.0,
        "p99": 991.0,
        "p99.9": 1000.0,
        "max": 1000.0,
    }
    assert Durations().percentiles_ms() == {}


def test_a_window_forgets_what_is_old() -> None:
    durations = Durations(most=2)
    for seconds in (9.0, 1.0, 2.0):
        durations.add(seconds)
    assert (len(durations), durations.percentiles_ms((0.5,))) == (2, {"p50": 2000.0, "max": 2000.0})


def test_the_machine_is_described() -> None:
    assert "cores" in machine()
