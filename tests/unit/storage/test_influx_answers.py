"""What InfluxDB's answers mean, where the official client does not tell: errors at an answer's end, and of TLS."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from storage.influx.api import InfluxSettings
from storage.influx.buckets import InfluxBuckets, broken_off
from streams.projections.ports import SinkUnavailable

ROWS = '#datatype,string,long,string\r\n,result,table,queue\r\n,_result,0,"a,error,reference"\r\n\r\n'
BROKEN = (
    ROWS
    + "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,shard is away,897\r\n"
)


class Server(ThreadingHTTPServer):
    """Answers every query with `text`."""

    text = ROWS
    answered = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked, self.lets = threading.Event(), threading.Event()
        self.lets.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.server.lets.wait(10)
        self.server.answered += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    serving = threading.Thread(target=made.serve_forever, args=(0.01,))
    serving.start()
    yield made
    made.shutdown()
    serving.join()
    made.server_close()


def buckets_at(url: str) -> InfluxBuckets:
    return InfluxBuckets(InfluxSettings(url, "org", "bucket", "token", timeout_s=2.0), ())


async def test_a_query_that_breaks_off_is_done_again(server: Server) -> None:
    buckets = buckets_at(f"http://{server.address}")
    await buckets.downsample("bucket", 0, 1)
    server.text = BROKEN
    with pytest.raises(SinkUnavailable, match="broke a query off: ,shard is away,897"):
        await buckets.downsample("bucket", 0, 1)
    await buckets.close()


async def test_who_closes_waits_for_what_is_under_way_though_nobody_wants_it_any_more(server: Server) -> None:
    server.lets.clear()
    buckets = buckets_at(f"http://{server.address}")
    asking = asyncio.create_task(buckets.downsample("bucket", 0, 1))
    await asyncio.to_thread(server.asked.wait, 10)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    later = threading.Timer(0.2, server.lets.set)
    later.start()
    await buckets.close()
    assert server.answered == 1
    later.join()


async def test_of_tls_that_fails_the_reason_is_told(server: Server) -> None:
    buckets = buckets_at(f"https://{server.address}")
    with pytest.raises(SinkUnavailable, match="SSL"):
        await buckets.ensure("bucket")
    await buckets.close()


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_an_answer_that_breaks_off_is_seen_however_it_is_cut(size: int) -> None:
    def cut(text: str) -> Iterator[bytes]:
        data = text.encode()
        return (data[first : first + size] for first in range(0, len(data), size))

    assert broken_off(cut(BROKEN + "x" * 10_000)) == (",shard is away,897\r\n" + "x" * 10_000)[:500]
    assert broken_off(cut(BROKEN)) == ",shard is away,897"
    assert broken_off(cut(ROWS * 50)) is None


def test_rows_of_an_answer_are_not_kept() -> None:
    many = (b"row" * 300_000 for _ in range(400))
    tracemalloc.start()
    assert broken_off(many) is None
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000
