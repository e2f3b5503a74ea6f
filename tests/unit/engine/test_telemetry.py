"""A worker's log is JSON lines, whoever wrote them."""

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from streams.engine.telemetry import configure_logs
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
