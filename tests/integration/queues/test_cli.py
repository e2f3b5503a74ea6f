"""`tidelock queue ...` against a real worker: what it prints for people and machines, and its exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.engine.cluster import PATIENCE_S, TOKEN, Cluster

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("queues"),
]


@dataclass(frozen=True)
class Ran:
    """How one command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def run(standing: Cluster, *args: str, given: bytes = b"") -> Ran:
    """Run `tidelock queue ARGS` with `given` as its input."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TIDELOCK_") and k != "COLUMNS"}
    env |= {
        "TIDELOCK_WORKERS": standing.workers[0].address,
        "TIDELOCK_TOKEN": TOKEN,
        "TIDELOCK_HOME": "/nowhere",
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tidelock.cli.main",
        "queue",
        *args,
        env=env,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(given), PATIENCE_S)
    except BaseException:
        process.kill()
        raise
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def test_a_message_goes_in_and_out(standing: Cluster) -> None:
    made = await run(standing, "create", "cli/a", "--max-attempts", "1")
    assert (made.code, made.out, made.err) == (0, "created cli/a, 1 shards\n", "")
    put = await run(standing, "put", "cli/a", "hello", "--group", "g", "--header", "trace=7", "--json")
    assert put.json["duplicate"] is False
    stats = (await run(standing, "stats", "cli/a", "--json")).json
    assert (stats["messages"], stats["counts"]["ready"]) == (1, 1)
    taken = await run(standing, "take", "cli/a", "--json")
    assert (taken.code, taken.json["payload"], taken.json["headers"]) == (0, "hello", {"trace": "7"})
    assert taken.json["id"] == put.json["id"]
    empty = await run(standing, "take", "cli/a", "--wait", "0")
    assert (empty.code, empty.out) == (1, "")
    assert (await run(standing, "delete", "cli/a")).code == 0


async def test_lines_of_a_file_and_commands_for_each(standing: Cluster, tmp_path: Path) -> None:
    await run(standing, "create", "cli/b", "--max-attempts", "1")
    lines = tmp_path / "lines"
    lines.write_text("".join(f"line {number}\n" for number in range(700)))
    assert (await run(standing, "put", "cli/b", "--lines", str(lines), "--json")).json["put"] == 700
    assert (await run(standing, "put", "cli/b", given=b"from stdin")).code == 0
    ran = await run(standing, "take", "cli/b", "-n", "2", "--", "cat")
    assert (ran.code, ran.out) == (0, "line 0line 1")
    failed = await run(standing, "take", "cli/b", "--", "false")
    assert (failed.code, failed.err.split(":")[0]) == (1, "COMMAND_FAILED")
    dead = await run(standing, "dead", "cli/b", "--json")
    assert (dead.json["payload"], dead.json["reason"]) == ("line 2", "false ended with 1")
    table = (await run(standing, "dead", "cli/b")).out
    assert all(word in table for word in ("DEAD", "line 2", "false ended with 1"))
    redriven = await run(standing, "redrive", "cli/b", dead.json["id"], "--json")
    assert redriven.json["messages"] == [dead.json["id"]]
    assert (await run(standing, "purge", "cli/b", "--yes", "--json")).json["messages"] == 699
    assert (await run(standing, "delete", "cli/b")).code == 0


async def test_a_leased_message_is_shown_and_a_paused_queue_gives_nothing(standing: Cluster) -> None:
    await run(standing, "create", "cli/c")
    await run(standing, "put", "cli/c", "x")
    leased = (await run(standing, "take", "cli/c", "--lease-only", "--json")).json
    assert leased["receipt"].startswith("0.1.")
    assert (await run(standing, "peek", "cli/c", "--state", "leased", "--json")).json["id"] == leased["id"]
    await run(standing, "put", "cli/c", "y")
    await run(standing, "pause", "cli/c")
    assert (await run(standing, "take", "cli/c", "--wait", "0")).code == 1
    await run(standing, "resume", "cli/c")
    assert (await run(standing, "take", "cli/c")).out == "y\n"
    assert "1 shards" in (await run(standing, "stats", "cli/c")).out
    assert (await run(standing, "configure", "cli/c", "--lease", "60", "--json")).json["lease_ms"] == 60_000
    refused = await run(standing, "delete", "cli/c")
    assert (refused.code, refused.err.split(":")[0]) == (1, "QUEUE_NOT_EMPTY")
    assert (await run(standing, "delete", "cli/c", "--force", "--json")).json["messages"] == 1


async def test_what_one_process_leases_another_settles_by_receipt(standing: Cluster) -> None:
    await run(
        standing, "create", "cli/e", "--backoff-factor", "1.5", "--jitter", "0", "--max-payload", "1000"
    )
    await run(standing, "put", "cli/e", given=b"\xff\x00")
    leased = (await run(standing, "take", "cli/e", "--lease-only", "--json")).json
    assert (leased["payload"], leased["encoding"]) == ("/wA=", "base64")
    receipt = leased["receipt"]
    assert (await run(standing, "extend", "cli/e", receipt, "--lease", "60")).out == f"extended {receipt}\n"
    assert (await run(standing, "nack", "cli/e", receipt, "--return")).out == f"returned {receipt}\n"
    late = await run(standing, "ack", "cli/e", receipt)
    assert (late.code, late.err.split(":")[0]) == (1, "RECEIPT_INVALID")
    again = (await run(standing, "take", "cli/e", "--lease-only", "--json")).json
    assert again["attempt"] == 1
    assert (await run(standing, "ack", "cli/e", again["receipt"], "--json")).json["acknowledged"] == [
        again["receipt"]
    ]
    assert (await run(standing, "delete", "cli/e")).code == 0


async def test_a_broadcast_queue_is_read_by_subscription(standing: Cluster) -> None:
    await run(standing, "create", "cli/d", "--broadcast", "--shards", "2", "--dedup-window", "0")
    await run(standing, "subscribe", "cli/d", "audit")
    assert (await run(standing, "resize", "cli/d", "3")).out == "cli/d has 3 shards\n"
    await run(standing, "put", "cli/d", "x")
    assert (await run(standing, "take", "cli/d", "-s", "audit")).out == "x\n"
    await run(standing, "subscribe", "cli/d", "audit", "--remove")
    assert (await run(standing, "delete", "cli/d")).code == 0


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (("put", "cli/nowhere", "x"), 1, "QUEUE_UNKNOWN"),
        (("stats", "cli/nowhere"), 1, "QUEUE_UNKNOWN"),
        (("create", "loop", "--dead-letter-queue", "loop"), 2, "DEAD_LETTER_LOOP"),
    ],
)
async def test_what_cannot_be_is_told_in_one_line(
    standing: Cluster, args: tuple[str, ...], code: int, word: str
) -> None:
    ran = await run(standing, *args)
    assert (ran.code, ran.err.split(":")[0], ran.err.count("\n")) == (code, word, 1)
