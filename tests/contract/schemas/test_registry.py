"""What a schema registry must do for us, in memory and over real HTTP on the loopback interface."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from schemas.confluent import ConfluentFraming
from schemas.errors import RegistryUnavailable, UnknownWriterSchema
from schemas.registry import MAX_SCHEMA_BYTES, HttpRegistry, Registry

ANSWERS: dict[str, Any] = {
    "1": {"schema": '"string"'},
    "2": {"schema": '"string"', "schemaType": "AVRO"},
    "3": {"schema": "syntax = 'proto3';", "schemaType": "PROTOBUF"},
    "4": {"schema": "x" * MAX_SCHEMA_BYTES},
    "5": ["not", "an", "answer"],
    "6": {"no": "schema"},
}


class MemoryRegistry:
    """A registry as a dictionary."""

    async def schema_text(self, schema_id: int) -> str:
        answer = ANSWERS.get(str(schema_id))
        if answer is None or answer.get("schemaType", "AVRO") != "AVRO":
            raise UnknownWriterSchema(schema_id, "not here")
        text: str = answer["schema"]
        return text


class Handler(BaseHTTPRequestHandler):
    """Answers like a Confluent registry, and badly for some ids."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, _, schema_id = self.path.rpartition("/schemas/ids/")
        if schema_id == "7":
            threading.Event().wait(5)
        if schema_id == "8":
            return self._send(500, {"error_code": 50001})
        if schema_id == "9":
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        answer = ANSWERS.get(schema_id)
        return self._send(404, {"error_code": 40403}) if answer is None else self._send(200, answer)

    def _send(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a client that gave up
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Stay quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["memory", "http"])
async def registry(request: pytest.FixtureRequest, address: str) -> Any:
    if request.param == "memory":
        yield MemoryRegistry()
        return
    async with httpx.AsyncClient(base_url=address) as client:
        yield HttpRegistry(client)


class TestEveryRegistry:
    """The port."""

    async def test_gives_the_text_of_a_schema(self, registry: Registry) -> None:
        assert await registry.schema_text(1) == await registry.schema_text(2) == '"string"'

    async def test_has_none_of_an_unknown_id(self, registry: Registry) -> None:
        with pytest.raises(UnknownWriterSchema) as refused:
            await registry.schema_text(99)
        assert refused.value.schema_id == 99

    async def test_has_no_avro_where_another_language_is_registered(self, registry: Registry) -> None:
        with pytest.raises(UnknownWriterSchema):
            await registry.schema_text(3)


class TestHttp:
    """What only a network does."""

    @pytest.mark.parametrize(
        ("schema_id", "error", "reason"),
        [
            (4, UnknownWriterSchema, "longer than"),
            (5, RegistryUnavailable, "no registry answer"),
            (6, RegistryUnavailable, "no registry answer"),
            (8, RegistryUnavailable, "HTTP status 500"),
            (9, RegistryUnavailable, "gave no schema 9"),
        ],
    )
    async def test_bad_answers_are_typed_errors(
        self, address: str, schema_id: int, error: type[Exception], reason: str
    ) -> None:
        async with httpx.AsyncClient(base_url=address) as client:
            with pytest.raises(error, match=reason):
                await HttpRegistry(client).schema_text(schema_id)

    async def test_a_silent_registry_is_given_up(self, address: str) -> None:
        async with httpx.AsyncClient(base_url=address) as client:
            start = time.monotonic()
            with pytest.raises(RegistryUnavailable, match="TimeoutError"):
                await HttpRegistry(client, timeout_s=0.1).schema_text(7)
            assert time.monotonic() - start < 3

    async def test_no_registry_at_all_is_a_typed_error(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=url) as client:
                with pytest.raises(RegistryUnavailable, match="ConnectError"):
                    await HttpRegistry(client).schema_text(1)

    async def test_a_schema_of_no_release_is_refused_end_to_end(self, address: str) -> None:
        async with httpx.AsyncClient(base_url=address) as client:
            with pytest.raises(UnknownWriterSchema, match="c70345637248018f"):
                await ConfluentFraming(HttpRegistry(client)).to_single_object(b"\x00\x00\x00\x00\x01body")
