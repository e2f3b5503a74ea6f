"""A worker's log is JSON lines, whoever wrote them."""

import json
import subprocess
import sys

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from streams.domain.decider import TIMER
from streams.engine.batch import Batch
from streams.engine.errors import ClockSkew, Fenced
from streams.engine.pending import NOBODY, Pending
from streams.engine.telemetry import REPEAT_MS, TROUBLES, Trouble, WorkerWatch
from streams.log.accept import LogHead
from streams.log.fold import PartitionState
from streams.log.positions import PartitionId
from streams.log.reader import PartitionReader
from tests.unit.engine.harness import Clock
from tests.unit.engine.toy import VOCABULARY

WHERE, OTHER = PartitionId("toys", 0), PartitionId("toys", 1)

PROGRAM = """
import logging, structlog
from streams.ops.logs import configure_logs
configure_logs("INFO", worker="w1")
structlog.get_logger("tidelock").info("started", at="127.0.0.1:1")
logging.getLogger("aiokafka").warning('Unable to "connect" to %s', "'it'")
try:
    raise ValueError("quoted \\"text\\"")
except ValueError:
    logging.getLogger("other").exception("failed")
"""


def test_every_line_is_one_json_object_that_names_the_worker() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["started", "Unable to \"connect\" to 'it'", "failed"]
    assert {line["worker"] for line in lines} == {"w1"}
    assert "ValueError" in lines[2]["exception"]
    assert all("timestamp" in line and "level" in line for line in lines)


def watched() -> tuple[WorkerWatch, Clock]:
    clock = Clock()
    return WorkerWatch(clock), clock


def counted(code: str) -> float:
    return float(TROUBLES.labels("toys", "0", code)._value.get())


def test_a_trouble_that_repeats_itself_is_counted_and_seldom_written() -> None:
    watch, clock = watched()
    before = counted("CLOCK_SKEW")
    with capture_logs() as logs:
        for _ in range(1 + REPEAT_MS // 500):
            watch.trouble(WHERE, ClockSkew(WHERE, 3_600_000))
            clock.now += 500
    assert len(logs) == 2
    assert counted("CLOCK_SKEW") == before + 61


def test_a_trouble_that_changes_is_written_at_once() -> None:
    watch, _ = watched()
    with capture_logs() as logs:
        for error in (
            ClockSkew(WHERE, 1),
            ClockSkew(WHERE, 5_000),
            Fenced(WHERE, "a"),
            ClockSkew(WHERE, 5_000),
        ):
            watch.trouble(WHERE, error)
        watch.trouble(OTHER, Fenced(WHERE, "a"))
    told = [(line["partition"], line["code"]) for line in logs]
    assert told == [("toys/0", "CLOCK_SKEW")] * 2 + [("toys/0", "FENCED"), ("toys/1", "FENCED")]


def test_a_phase_is_written_when_it_changes() -> None:
    watch, _ = watched()
    with capture_logs() as logs:
        for phase in ("catching up", "catching up", "claiming", "leading"):
            watch.phase(WHERE, phase, PartitionReader(WHERE, VOCABULARY, 1))
    assert [line["phase"] for line in logs] == ["catching up", "claiming", "leading"]


def test_the_last_trouble_is_known_until_the_partition_is_decided() -> None:
    watch, _ = watched()
    for error in (Fenced(WHERE, "a"), ClockSkew(WHERE, 5_000)):
        watch.trouble(WHERE, error)
    assert watch.last_troubles() == {WHERE: Trouble("CLOCK_SKEW", str(ClockSkew(WHERE, 5_000)))}
    reader = PartitionReader(WHERE, VOCABULARY, 1)
    watch.phase(WHERE, "catching up", reader)
    assert WHERE in watch.last_troubles()
    watch.phase(WHERE, "leading", reader)
    assert watch.last_troubles() == {}


def test_a_command_lasts_from_its_bytes_at_the_worker_to_its_acceptance() -> None:
    """Also one that came with many others; of one that came from nowhere nothing is known."""

    def decided(at_most_s: str) -> float:
        labels = {"kind": "toys", "partition": "7", "le": at_most_s}
        return REGISTRY.get_sample_value("tidelock_decide_seconds_bucket", labels) or 0

    now_s, where = 100.0, PartitionId("toys", 7)
    watch = WorkerWatch(Clock(), lambda: now_s)
    batch = Batch(VOCABULARY, PartitionState(VOCABULARY), LogHead(), 0, 0)
    for arrived_s in (99.995, 99.995, 99.995, 98.5, None):
        pending = Pending("DIRECT", NOBODY, None, "", TIMER, b"", 0)
        pending.arrived_s = arrived_s
        batch.commands.append(pending)
    watch.accepted(where, batch, 1)
    assert [decided(edge) for edge in ("0.004", "0.006", "1.0", "2.0", "+Inf")] == [0, 3, 3, 4, 4]
