"""Confluent framing: only the frame changes, only for schemas of this release, and the registry is asked once."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import shipped
from schemas.confluent import ConfluentFraming
from schemas.errors import MalformedData, RegistryUnavailable, UnknownWriterSchema
from schemas.messages import bind
from schemas.meta import CommandMeta
from streams.wire.messages import Barrier

BARRIER = shipped().version("tidelock.wire.Barrier")
COMMAND = bind("wire", (Barrier,)).encode_command(CommandMeta(0, "t", "c", 1, "", 0, 0), Barrier("locks", 3))
FRAMED = b"\x00\x00\x00\x00\x2a" + COMMAND[10:]


class Scripted:
    """A registry that answers what it is told to, and counts the questions."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    async def schema_text(self, schema_id: int) -> str:
        self.asked.append(schema_id)
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


TEXT = json.dumps(BARRIER.definition)


async def test_a_framed_command_becomes_the_same_command() -> None:
    assert await ConfluentFraming(Scripted(TEXT)).to_single_object(FRAMED) == COMMAND


async def test_single_object_encoding_passes_and_asks_nobody() -> None:
    registry = Scripted()
    assert await ConfluentFraming(registry).to_single_object(COMMAND) == COMMAND
    assert registry.asked == []


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x00\x00", b"\x01" + FRAMED[1:], b"plain text"])
async def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedData, match="Confluent"):
        await ConfluentFraming(Scripted()).to_single_object(data)


async def test_the_registry_is_asked_once_even_by_many_at_once() -> None:
    registry = Scripted(TEXT)
    framing = ConfluentFraming(registry)
    found = await asyncio.gather(*[framing.to_single_object(FRAMED) for _ in range(20)])
    assert found == [COMMAND] * 20
    assert registry.asked == [42]


async def test_a_failure_is_remembered_for_a_while_so_that_junk_does_not_flood_the_registry() -> None:
    now = [100.0]
    registry = Scripted(RegistryUnavailable(42, "down"), TEXT)
    framing = ConfluentFraming(registry, retry_after_s=10, clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(RegistryUnavailable, match="down"):
            await framing.to_single_object(FRAMED)
    now[0] = 109.9
    with pytest.raises(RegistryUnavailable):
        await framing.to_single_object(FRAMED)
    assert registry.asked == [42]
    now[0] = 110
    assert await framing.to_single_object(FRAMED) == COMMAND
    assert registry.asked == [42, 42]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('"string"', "is none of ours"),
        ("{", "self-contained"),
        ("[" * 100_000, "self-contained"),
        (
            '{"type": "record", "name": "R", "fields": [{"name": "m", "type": "tidelock.wire.CommandMeta"}]}',
            "contained",
        ),
        (json.dumps({**BARRIER.definition, "name": "Other"}), "is none of ours"),
    ],
)
async def test_a_schema_of_no_release_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UnknownWriterSchema, match=reason) as refused:
        await ConfluentFraming(Scripted(text)).to_single_object(FRAMED)
    assert refused.value.schema_id == 42


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["record", "a.b", "fields", "null", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "name", "fields", "items", "symbols", "size", "values", "namespace", "default"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_whatever_a_registry_says_is_a_typed_error(answer: Any) -> None:
    framing = ConfluentFraming(Scripted(json.dumps(answer)))
    with pytest.raises(UnknownWriterSchema):
        asyncio.run(framing.to_single_object(FRAMED))
