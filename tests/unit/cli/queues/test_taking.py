"""`queue take`: what is printed and when, commands with their leases, and how it ends."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from streams.domain.decider import Rejected
from streams.domain.queues.commands import AckMessages, ExtendLeases, NackMessages, ReceiveMessages
from streams.domain.queues.events import MessagesAcked
from tests.unit.client.queues.server import QueueWorker
from tests.unit.client.worker import until
from tidelock import errors
from tidelock.cli import exits, interruption, queue_take
from tidelock.cli.queue_exec import CannotRun
from tidelock.cli.queue_take import Wish, take
from tidelock.client.queues.queue import Queue

ONE = Wish(count=1, wait=0, lease=None, outcome="ack", command=(), reason="by hand", json=False)
NOT_LEASED = Rejected("RECEIPT_INVALID", "None of them holds.", (("1.1", "NOT_LEASED"),))
PASSES = Rejected("INTERNAL", "It passes.")
STUBBORN = """
import pathlib, signal, sys
told = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: told.write_text("told to end"))
told.write_text("up")
while True:
    signal.pause()
"""


def running(*command: str, count: int = 1, lease: float | None = None) -> Wish:
    return replace(ONE, count=count, lease=lease, outcome="exec", command=command)


def says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


@pytest.mark.parametrize(
    ("payload", "printed"),
    [(b"\xff\x00", b"\xff\x00"), (b"\\xff", b"\\xff\n"), (b":smile: [/b]", b":smile: [/b]\n")],
)
async def test_bytes_come_out_as_they_went_in(
    orders: Queue[bytes], capsysbinary: pytest.CaptureFixture[bytes], payload: bytes, printed: bytes
) -> None:
    await orders.put(payload)
    assert await take(orders, ONE) == exits.OK
    assert capsysbinary.readouterr().out == printed
    assert (await orders.stats()).messages == 0


@pytest.mark.parametrize("as_json", [False, True])
async def test_acknowledged_is_said_only_once_it_is(
    orders: Queue[bytes], worker: QueueWorker, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    await orders.put(b"x")
    worker.held = (AckMessages,)
    taking = asyncio.create_task(take(orders, replace(ONE, json=as_json)))
    await until(lambda: bool(worker.of(AckMessages)))
    before = capsys.readouterr()
    assert "x" in before.out
    assert "acknowledged" not in before.out + before.err
    worker.let()
    assert await taking == exits.OK
    assert "acknowledged" in capsys.readouterr().err


async def test_what_cannot_be_printed_is_given_back(
    orders: Queue[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tidelock.cli.queue_view.put_out", full)
    await orders.put(b"x")
    with pytest.raises(OSError, match="No space"):
        await take(orders, ONE)
    assert (await orders.stats()).counts.ready == 1


async def test_a_leased_message_tells_machines_its_receipt(
    orders: Queue[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    await orders.put(b"x")
    assert await take(orders, replace(ONE, outcome="lease", json=True)) == exits.OK
    told = json.loads(capsys.readouterr().out)
    await orders.ack(told["receipt"])
    assert (await orders.stats()).messages == 0


@pytest.mark.parametrize(("subscription", "of"), [("", "\n"), ("audit", " -s audit\n")])
async def test_a_leased_message_tells_people_how_to_settle_it(
    orders: Queue[bytes], capsys: pytest.CaptureFixture[str], subscription: str, of: str
) -> None:
    await orders.put(b"x")
    await take(orders, replace(ONE, outcome="lease", subscription=subscription))
    receipt, settle = capsys.readouterr().err.splitlines(keepends=True)
    assert settle == f"settle it: tidelock queue ack orders {receipt.split()[1].rstrip(',')}{of}"


@pytest.mark.parametrize(
    ("wish", "refused"),
    [
        (replace(ONE, count=2), AckMessages),
        (replace(ONE, count=2, outcome="nack"), NackMessages),
        (running("true", count=2), AckMessages),
        (running("false", count=2), NackMessages),
    ],
)
async def test_a_receipt_that_holds_no_longer_fails_its_message_only(
    orders: Queue[bytes], worker: QueueWorker, capsys: pytest.CaptureFixture[str], wish: Wish, refused: type
) -> None:
    await orders.put_many([b"first", b"second"])
    worker.refuse[refused] = NOT_LEASED
    assert await take(orders, wish) == exits.NO
    assert len(worker.of(refused)) == 2
    assert capsys.readouterr().err.count("RECEIPT_INVALID") == 2


async def test_without_end_a_look_waits_and_a_failure_passes(
    orders: Queue[bytes], worker: QueueWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_take, "PAUSE_S", 0.0)
    worker.refuse[ReceiveMessages] = Rejected("TOO_MANY_WAITING", "So many wait.")
    taking = asyncio.create_task(take(orders, replace(ONE, count=0)))
    await until(lambda: len(worker.of(ReceiveMessages)) > 1)
    worker.refuse.clear()
    await orders.put(b"x")
    await until(lambda: any(isinstance(each, MessagesAcked) for _, each in worker.events))
    assert min(each.wait_ms for each in worker.of(ReceiveMessages)) >= 1_000
    os.kill(os.getpid(), signal.SIGTERM)
    assert await taking == 128 + signal.SIGTERM


async def test_with_a_count_what_may_pass_is_told(orders: Queue[bytes], worker: QueueWorker) -> None:
    worker.refuse[ReceiveMessages] = Rejected("TOO_MANY_WAITING", "So many wait.")
    with pytest.raises(errors.TooManyWaiting):
        await take(orders, ONE)


async def test_a_lease_is_extended_again_after_an_extension_failed(
    orders: Queue[bytes], worker: QueueWorker, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    await orders.put(b"x")
    worker.refuse[ExtendLeases] = PASSES
    taking = asyncio.create_task(take(orders, running("cat", str(gate), lease=0.3)))
    await until(lambda: len(worker.of(ExtendLeases)) == 1)
    worker.refuse.clear()
    await until(lambda: len(worker.of(ExtendLeases)) == 2)
    await asyncio.to_thread(gate.write_bytes, b"")
    assert await taking == exits.OK


async def test_a_lost_lease_is_told_while_the_command_runs(
    orders: Queue[bytes], worker: QueueWorker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    await orders.put(b"x")
    worker.refuse[ExtendLeases] = worker.refuse[AckMessages] = NOT_LEASED
    taking = asyncio.create_task(take(orders, running("cat", str(gate), lease=0.3)))
    await until(lambda: "is lost while its command runs" in capsys.readouterr().err)
    await asyncio.to_thread(gate.write_bytes, b"")
    assert await taking == exits.NO
    assert len(worker.of(ExtendLeases)) == 1


async def test_a_second_signal_kills_the_command_and_the_message_is_still_given_back(
    orders: Queue[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "KILL_AFTER_S", 600.0)
    told = tmp_path / "told"
    await orders.put(b"x")
    taking = asyncio.create_task(take(orders, running(sys.executable, "-c", STUBBORN, str(told))))
    await until(lambda: says(told, "up"))
    os.kill(os.getpid(), signal.SIGINT)
    await until(lambda: says(told, "told to end"))
    os.kill(os.getpid(), signal.SIGINT)
    assert await taking == 128 + signal.SIGINT
    assert (await orders.stats()).counts.ready == 1


async def test_what_no_command_can_be_run_for_is_given_back(orders: Queue[bytes]) -> None:
    await orders.put(b"x")
    with pytest.raises(CannotRun, match="Check its path"):
        await take(orders, running("/no/such/command"))
    assert (await orders.stats()).counts.ready == 1
