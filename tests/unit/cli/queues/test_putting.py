"""`queue put`: lines come in as they are, are named by their numbers when they cannot, and wait for nobody."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.domain.queues.commands import EnqueueMessages
from streams.domain.queues.limits import MAX_PAYLOAD
from tests.unit.client.queues.server import QueueWorker
from tests.unit.client.worker import until
from tidelock import errors
from tidelock.cli.exits import USAGE, WrongUse
from tidelock.cli.inputs import BLOCK
from tidelock.cli.queue_put import LinesFailed, Load, put
from tidelock.client.queues.queue import Queue

STDIN = Path("-")


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end that writes to what is standard input now."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield writing


def lines(path: Path) -> Load:
    return Load(None, path, {}, json=True)


async def texts(queue: Queue[bytes]) -> list[bytes]:
    return [view.body.payload for view in await queue.peek(1_000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lines"


async def test_lines_are_put_without_their_ends_and_empty_ones_are_not(
    orders: Queue[bytes], path: Path
) -> None:
    path.write_bytes(b"a\r\n\n b \n\r\nc")
    await put(orders, lines(path))
    assert await texts(orders) == [b"a", b" b ", b"c"]


@pytest.mark.parametrize("size", [MAX_PAYLOAD + 1, BLOCK, 3 * BLOCK])
@pytest.mark.parametrize("end", [b"\nlast\n", b""])
async def test_a_line_that_no_message_can_hold_is_refused_by_number_and_whole(
    orders: Queue[bytes], path: Path, size: int, end: bytes
) -> None:
    path.write_bytes(b"first\n\nthird\n" + b"x" * size + end)
    with pytest.raises(
        LinesFailed, match=r"^2 lines are in; line 4 failed: .*Put the lines from 4 on"
    ) as caught:
        await put(orders, lines(path))
    assert await texts(orders) == [b"first", b"third"]
    assert (caught.value.code, caught.value.exit_code) == ("PARTLY_PUT", USAGE)


async def test_the_longest_line_that_a_message_can_hold_is_put(orders: Queue[bytes], path: Path) -> None:
    path.write_bytes(b"x" * MAX_PAYLOAD + b"\r\n" + b"y" * MAX_PAYLOAD)
    await put(orders, lines(path))
    assert [len(each) for each in await texts(orders)] == [MAX_PAYLOAD, MAX_PAYLOAD]


async def test_lines_that_the_queue_refuses_are_named(orders: Queue[bytes], path: Path) -> None:
    await orders.configure(max_payload=3)
    path.write_bytes(b"one\nthree\n\ntwo\nseven\nsix\n")
    with pytest.raises(
        LinesFailed, match=r"^3 lines are in; line 2 failed: .* \(2, 5\), and the lines after 6"
    ):
        await put(orders, lines(path))
    assert await texts(orders) == [b"one", b"two", b"six"]


async def test_if_no_line_is_in_the_code_is_that_of_the_reason(orders: Queue[bytes], path: Path) -> None:
    await orders.delete()
    path.write_bytes(b"\na\nb\n")
    with pytest.raises(
        LinesFailed, match=r"^0 lines are in; line 2 failed: .*Put the lines from 2 on"
    ) as caught:
        await put(orders, lines(path))
    assert caught.value.code == "QUEUE_UNKNOWN"


async def test_lines_of_a_pipe_are_put_as_they_come(
    orders: Queue[bytes], worker: QueueWorker, pipe: int
) -> None:
    putting = asyncio.create_task(put(orders, lines(STDIN)))
    os.write(pipe, b"first\nsec")
    await until(lambda: len(worker.of(EnqueueMessages)) == 1)
    os.write(pipe, b"ond\n")
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    os.close(pipe)
    await putting
    assert await texts(orders) == [b"first", b"second"]


async def test_who_interrupts_is_told_how_many_lines_are_in(
    orders: Queue[bytes], worker: QueueWorker, pipe: int, capsys: pytest.CaptureFixture[str]
) -> None:
    putting = asyncio.create_task(put(orders, lines(STDIN)))
    os.write(pipe, b"first\nsecond\n")
    await until(lambda: len(worker.of(EnqueueMessages)) == 1)
    worker.held = (EnqueueMessages,)
    os.write(pipe, b"third\n")
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    putting.cancel()
    await asyncio.wait({putting})
    os.close(pipe)
    assert capsys.readouterr().err == "INTERRUPTED: At least 2 lines are in.\n"


async def test_a_message_of_a_pipe_is_all_of_it(orders: Queue[bytes], pipe: int) -> None:
    putting = asyncio.create_task(put(orders, Load(None, None, {}, json=True)))
    os.write(pipe, b"\xff\x00")
    os.write(pipe, b"\n")
    os.close(pipe)
    await putting
    assert await texts(orders) == [b"\xff\x00\n"]


async def test_more_than_a_message_can_hold_is_refused(orders: Queue[bytes], path: Path, pipe: int) -> None:
    os.close(pipe)
    path.write_bytes(b"x" * (MAX_PAYLOAD + 1))
    with path.open("rb") as stream, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdin", stream)
        with pytest.raises(errors.PayloadTooLarge, match="put a reference"):
            await put(orders, Load(None, None, {}, json=True))


async def test_what_cannot_be_read_is_told(orders: Queue[bytes], tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="cannot be read: Is a directory"):
        await put(orders, lines(tmp_path))
