"""The command line against a real stack: every command, its output for people and machines, its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

import tidelock
from storage.kafka.client import producer
from streams.catalog import KINDS
from streams.wire.murmur2 import partition_of
from tests.integration.cli.conftest import TIMEOUT_S, Cli

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("cli"),
]

EXAMPLES = Path(__file__).parents[3] / "examples"


async def line_with(process: asyncio.subprocess.Process, word: str) -> str:
    """Return the next line of its output that holds `word`."""
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT_S):
        async for line in process.stdout:
            if word in line.decode():
                return line.decode()
    raise AssertionError(f"ended without saying {word!r}")


async def test_status_shows_every_partition_and_its_owner(cli: Cli) -> None:
    ran = await cli("status", "--json")
    told = ran.json
    assert (ran.code, told["healthy"], len(told["partitions"])) == (0, True, 4 * len(KINDS))
    assert {row["owner"] for row in told["partitions"]} == set(cli.stack.addresses.workers)
    assert all((row["health"], row["lag"], row["claims"]) == ("leading", 0, 1) for row in told["partitions"])
    table = (await cli("status")).out
    assert all(word in table for word in ("locks/0", "queues/3", "leading", "worker worker-0: up"))


async def test_a_feature_level_is_refused_with_the_names_of_those_that_do_not_know_it(cli: Cli) -> None:
    told = (await cli("feature", "status", "--json")).json
    (address,) = cli.stack.addresses.workers
    assert told["members"] == {f"worker-0@{address}": 1}
    assert told["partitions"] == {f"{kind.name}/{number}": 1 for kind in KINDS for number in range(4)}
    refused = await cli("feature", "activate", "2")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert f"worker-0@{address} (up to 1)" in refused.err
    assert (await cli("feature", "activate", "1")).code == 0


async def test_only_the_operator_may_activate_a_level(cli: Cli) -> None:
    metrics = (await cli("env", "--operator")).out.split("TIDELOCK_METRICS=")[1].split()[0]
    operator, client = ((cli.stack.settings.home / f"{who}-token").read_text() for who in ("operator", "dev"))
    answered = []
    async with httpx.AsyncClient(trust_env=False) as http:
        for token in (client, operator):
            bearer = {"Authorization": f"Bearer {token}"}
            answered.append((await http.post(f"http://{metrics}/features/1", headers=bearer)).status_code)
    assert answered == [401, 202]
    assert operator in (await cli("env", "--operator")).out
    assert operator not in (await cli("env")).out


async def test_a_worker_that_is_down_is_named(cli: Cli) -> None:
    ran = await cli("status", "--metrics", "127.0.0.1:1")
    assert (ran.code, "127.0.0.1:1: down or unreachable" in ran.out, "nobody" in ran.out) == (1, True, True)


async def test_a_command_runs_under_the_lock_and_gives_its_exit_code(cli: Cli) -> None:
    ran = await cli(
        "lock", "acquire", "report", "--", "sh", "-c", "echo $TIDELOCK_FENCING_TOKEN $TIDELOCK_LOCK; exit 7"
    )
    token, name = ran.out.split()
    assert (ran.code, int(token) > 2**48, name) == (7, True, "report")
    assert (await cli("lock", "show", "report", "--json")).json["mode"] == "FREE"
    assert (await cli("lock", "acquire", "report", "--", "/no/such/program")).code == 127


async def test_a_lock_is_held_until_a_signal(cli: Cli) -> None:
    holder = await cli.start("lock", "acquire", "orders/1", "--json")
    held = json.loads(await line_with(holder, "token"))
    busy = await cli("lock", "acquire", "orders/1", "--wait", "0")
    assert (busy.code, busy.err.count("\n"), "LOCK_BUSY" in busy.err) == (1, 1, True)
    (shown,) = (await cli("lock", "show", "orders/1", "--json")).json["holders"]
    assert (shown["token"], shown["client"], 0 < shown["left_s"] <= 30) == (
        held["token"],
        held["client"],
        True,
    )
    waiter = await cli.start("lock", "acquire", "orders/1", "--hold", "0")
    async with asyncio.timeout(TIMEOUT_S):
        while not (await cli("lock", "show", "orders/1", "--json")).json["waiters"]:
            pass
    holder.send_signal(signal.SIGINT)
    assert "released orders/1" in await line_with(waiter, "released")
    assert (await holder.wait(), await waiter.wait()) == (0, 0)


async def test_a_detached_lock_is_released_from_another_process(cli: Cli) -> None:
    held = (await cli("lock", "acquire", "deploy", "--detach", "--json")).json
    place = ("--token", str(held["token"]), "--client", held["client"], "--handle", held["handle"])
    assert (await cli("lock", "show", "deploy", "--json")).json["holder_count"] == 1
    wrong = await cli("lock", "release", "deploy", "--token", "5", "--client", held["client"])
    assert (wrong.code, "NOT_HELD" in wrong.err) == (1, True)
    released = await cli("lock", "release", "deploy", *place)
    assert (released.code, released.out) == (0, f"released deploy (token {held['token']})\n")
    assert (await cli("lock", "release", "deploy", *place)).code == 1
    assert (await cli("lock", "show", "deploy")).out.startswith("deploy: FREE, 0 holding, 0 waiting")


async def test_a_lost_lock_ends_the_command(cli: Cli) -> None:
    """Somebody takes the lease away: here, a stand-in that releases it in the holder's name."""
    holder = await cli.start(
        "lock", "acquire", "fragile", "--ttl", "3", "--", "sh", "-c", "echo up; exec sleep 600"
    )
    await line_with(holder, "up")
    (held,) = (await cli("lock", "show", "fragile", "--json")).json["holders"]
    place = ("--token", str(held["token"]), "--client", held["client"], "--handle", held["handle"])
    assert (await cli("lock", "release", "fragile", *place)).code == 0
    _, err = await asyncio.wait_for(holder.communicate(), TIMEOUT_S)
    assert (holder.returncode, b"LOCK_LOST" in err) == (5, True)


async def test_the_log_is_shown_from_any_place(cli: Cli) -> None:
    held = (await cli("lock", "acquire", "logged", "--detach", "--json")).json
    partition = str((await cli("lock", "show", "logged", "--json")).json["partition"])
    records = [
        json.loads(line) for line in (await cli("log", "tail", "--from", "start", "--json")).out.splitlines()
    ]
    granted = [
        (record["position"], event["token"])
        for record in records
        for decision in record.get("decisions", ())
        for event in decision["events"]
        if event["type"] == "LockGranted" and decision["key"] == "dev/logged"
    ]
    ((position, token),) = granted
    assert (token, position.split("@")[0]) == (held["token"], f"locks/{partition}")
    assert [r["timestamp_ms"] for r in records] == sorted(r["timestamp_ms"] for r in records)
    text = (await cli("log", "tail", "--from", position)).out
    assert text.splitlines()[0].split()[1] == position
    assert f"→ LockGranted token={token}" in text
    assert "Genesis" not in text


async def test_a_followed_log_shows_what_happens_next(cli: Cli) -> None:
    tail = await cli.start("log", "tail", "--follow", "--from", "end")
    held = None
    async with asyncio.timeout(TIMEOUT_S):
        seen = asyncio.create_task(line_with(tail, "LockGranted"))
        while not seen.done():  # until the tail has begun to follow
            held = await cli("lock", "acquire", "followed", "--hold", "0")
    tail.send_signal(signal.SIGINT)
    assert (held is not None, "dev/followed" in await seen) == (True, True)
    assert await asyncio.wait_for(tail.wait(), TIMEOUT_S) == 130


async def test_the_example_producer_reads_its_answer_from_the_log(cli: Cli) -> None:
    env = os.environ | {"TIDELOCK_KAFKA": cli.stack.addresses.kafka}
    example = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "publish_command.py"),
        "published",
        env=env,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(example.communicate(), TIMEOUT_S)
    assert (example.returncode, b"tidelock.locks.LockHeld" in out) == (0, True)
    (holder,) = (await cli("lock", "show", "published", "--json")).json["holders"]
    assert (holder["client"].startswith("example-"), str(holder["token"]).encode() in out) == (True, True)


async def test_the_example_client_runs(cli: Cli) -> None:
    token = (cli.stack.settings.home / "dev-token").read_text()
    env = os.environ | {"TIDELOCK_WORKERS": ",".join(cli.stack.addresses.workers), "TIDELOCK_TOKEN": token}
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / "lock_client.py"), env=env, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(example.communicate(), TIMEOUT_S)
    assert (example.returncode, out.count(b"wrote under token"), b"LOCK_BUSY" in out) == (0, 5, True)


async def test_verify_proves_the_log_and_counts_what_strangers_wrote(cli: Cli) -> None:
    async with producer(cli.stack.addresses.kafka) as stranger:
        await stranger.send_and_wait("tidelock.locks.log", b"not ours", partition=2)
    ran = await cli("verify", "--json")
    told = ran.json
    assert (ran.code, told["ok"], [one["where"] for one in told["partitions"]]) == (
        0, True, [f"{kind.name}/{number}" for kind in KINDS for number in range(4)],
    )  # fmt: skip
    assert told["partitions"][2]["voids"] == {"malformed": 1}
    table = await cli("verify", "locks", "--partition", "2")
    shown = " ".join(table.out.split())
    assert (table.code, shown.count("holds"), "holds (void: 1 malformed)" in shown) == (0, 1, True)
    assert "VOID bytes: malformed" in (await cli("log", "tail", "-p", "2", "--void", "--from", "start")).out
    assert (await cli("verify", "--partition", "9")).code == 2


async def test_a_lock_is_rewound_to_what_its_clients_saw(cli: Cli) -> None:
    """Acquired, waited for, refused, expired and granted, with a stranger's record in between."""
    name = next(n for n in (f"rewound/{i}" for i in range(100)) if partition_of(f"dev/{n}", 4) == 1)
    token = (cli.stack.settings.home / "dev-token").read_text()
    async with (
        tidelock.connect(*cli.stack.addresses.workers, token=token) as first,
        tidelock.connect(*cli.stack.addresses.workers, token=token) as second,
        producer(cli.stack.addresses.kafka) as stranger,
    ):
        expiring = await first.locks.acquire(name, ttl=3, wait=0)
        granting = asyncio.create_task(second.locks.acquire(name, ttl=60, wait=60))
        async with asyncio.timeout(TIMEOUT_S):
            while not (await first.inspect(name)).waiters:
                pass
        await stranger.send_and_wait("tidelock.locks.log", b"not ours", partition=1)
        with pytest.raises(tidelock.errors.LockBusy):
            await first.locks.acquire(name, handle="another", wait=0)
        then = datetime.now(UTC).isoformat()
        lease = await granting
    ran = await cli("rewind", "--at", then, "lock", name, "--json")
    (holder,), (waiter,), proof = ran.json["holders"], ran.json["waiters"], ran.json["proof"]
    assert (holder["token"], holder["client"], holder["left_ms"] <= 3000) == (expiring.token, first.id, True)
    assert (waiter["client"], waiter["left_ms"] <= 60_000, ran.json["settled"]) == (second.id, True, True)
    assert proof["voids"]["malformed"] >= 1
    tail = await cli("log", "tail", "--json", "--from", f"locks/1@{int(proof['after'].split('@')[1]) + 1}")
    assert json.loads(tail.out.splitlines()[0])["prev"] == proof["head"]
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / "chain_head.py"), proof["after"],
        env=os.environ | {"TIDELOCK_KAFKA": cli.stack.addresses.kafka}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(example.communicate(), TIMEOUT_S)
    assert out.decode().startswith(f"{proof['head']} after {proof['after']}: ")
    history = [json.loads(line) for line in (await cli("lock", "history", name, "--json")).out.splitlines()]
    ends = [(one["role"], one["client"], one["to"] and one["to"]["how"]) for one in history]
    assert ends == [
        ("HOLDER", first.id, "EXPIRED"),
        ("WAITER", second.id, "GRANTED"),
        ("HOLDER", second.id, None),
    ]
    assert history[0]["lasted_ms"] >= 3000
    told = (await cli("explain", "lock", name)).out
    for words in (f"The lease of dev/{first.id}/1 expired", f"with fencing token {lease.token}", "LOCK_BUSY"):
        assert words in told
