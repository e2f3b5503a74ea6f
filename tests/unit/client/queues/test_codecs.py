"""Codecs and ids: there and back, and what does not fit is told."""

import fastavro
import pytest

from tidelock import errors
from tidelock.client.queues.codecs import Avro, Bytes, Json
from tidelock.client.queues.ids import MessageId, ReceiptId

ORDER = {
    "type": "record", "name": "Order",
    "fields": [{"name": "id", "type": "long"}, {"name": "note", "type": "string", "default": ""}],
}  # fmt: skip
OLDER = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}


def test_bytes_are_as_they_are() -> None:
    assert Bytes().decode(Bytes().encode(b"\xff")) == b"\xff"
    assert Bytes().encode(bytearray(b"x")) == b"x"  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="codec"):
        Bytes().encode("text")  # type: ignore[arg-type]


@pytest.mark.parametrize("payload", [None, 1, "Ünï", [1, {"a": None}], {"b": 1.5}])
def test_json_comes_back(payload: object) -> None:
    assert Json().decode(Json().encode(payload)) == payload


def test_json_has_neither_blanks_nor_nan() -> None:
    assert Json().encode({"a": [1, 2]}) == b'{"a":[1,2]}'
    assert Json(default=str).encode({"a": MessageId(0, 1, 2)}) == b'{"a":"0.1.2"}'
    with pytest.raises(ValueError, match="JSON"):
        Json().encode(float("inf"))


def test_avro_names_its_schema_as_single_object_encoding_does() -> None:
    data = Avro(ORDER).encode({"id": 7, "note": "x"})
    canonical = fastavro.schema.to_parsing_canonical_form(ORDER)
    assert data[:2] == b"\xc3\x01"
    assert data[2:10].hex() == fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    assert Avro(ORDER).decode(data) == {"id": 7, "note": "x"}


def test_avro_reads_what_an_older_schema_wrote_if_it_is_told_of_it() -> None:
    data = Avro(OLDER).encode({"id": 7})
    assert Avro(ORDER, older=(OLDER,)).decode(data) == {"id": 7, "note": ""}
    with pytest.raises(ValueError, match="older"):
        Avro(ORDER).decode(data)
    with pytest.raises(ValueError, match="follow"):
        Avro(ORDER).decode(Avro(ORDER).encode({"id": 1, "note": ""}) + b"x")


def test_ids_come_back() -> None:
    assert MessageId.parse("3.281474976710657.12") == MessageId(3, 281474976710657, 12)
    assert str(ReceiptId.parse("0.1.2")) == "0.1.2"
    for text in ("", "1.2", "x", "1.2.-3", "64.1.1", "1.2.3 ", "\u0663.1.1"):
        with pytest.raises(errors.BadArgument):
            MessageId.parse(text)
