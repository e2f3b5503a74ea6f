"""The catalogue: fingerprints as the specification has them, one file a type, versions without gaps."""

import json
from pathlib import Path
from typing import Any

import fastavro.schema
import pytest

from schemas.catalogue import HEADER, canonical_fingerprint, load, shipped, unknown_header
from schemas.errors import BadSchema, UnknownSchema


def write(root: Path, path: str, definition: Any) -> None:
    file = root / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(definition if isinstance(definition, str) else json.dumps(definition), "utf-8")


def record(name: str, *fields: str) -> dict[str, Any]:
    listed = [{"name": field, "type": "string", "default": ""} for field in fields]
    return {"type": "record", "name": name, "namespace": "tidelock.toy", "fields": listed}


@pytest.mark.parametrize(
    ("definition", "fingerprint"),
    [("int", "7275d51a3f395c8f"), ("string", "8f014872634503c7"), ("null", "63dd24e7cc258f8a")],
)
def test_fingerprints_are_those_of_the_reference_implementation(definition: str, fingerprint: str) -> None:
    assert canonical_fingerprint(definition)[::-1].hex() == fingerprint  # written out big-endian there


def test_documentation_defaults_and_our_limits_do_not_change_a_fingerprint(tmp_path: Path) -> None:
    plain = {
        "type": "record",
        "name": "A",
        "fields": [{"name": "n", "type": {"type": "array", "items": "int"}}],
    }
    field = {
        "name": "n",
        "doc": "how many",
        "default": [],
        "type": {"type": "array", "items": "int", "maxItems": 9},
    }
    assert canonical_fingerprint(plain) == canonical_fingerprint(plain | {"doc": "x", "fields": [field]})


def test_fingerprints_are_those_of_fastavro() -> None:
    for file in shipped():
        canonical = fastavro.schema.to_parsing_canonical_form(file.definition)
        assert file.fingerprint.hex() == fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")


def test_all_that_ships_loads_and_is_told_apart_by_its_header() -> None:
    files = tuple(shipped())
    assert {"tidelock.log.Commit", "tidelock.wire.CommandMeta"} <= {file.fullname for file in files}
    assert len({file.header for file in files}) == len(files) == len(shipped())
    assert all(shipped().of(file.header + b"body") is file for file in files)


def test_a_command_holds_the_whole_of_its_meta() -> None:
    barrier = shipped().version("tidelock.wire.Barrier")
    meta = shipped().version("tidelock.wire.CommandMeta")
    assert barrier.definition["fields"][0]["type"] == meta.definition


def test_versions_of_one_type_are_numbered_from_one(tmp_path: Path) -> None:
    write(tmp_path, "toy/Granted.avsc", record("Granted", "a"))
    write(tmp_path, "toy/Granted.v2.avsc", record("Granted", "a", "b"))
    catalogue = load(tmp_path)
    first, second = catalogue.versions("tidelock.toy.Granted")
    assert (first.label, second.label) == ("tidelock.toy.Granted v1", "tidelock.toy.Granted v2")
    assert catalogue.version("tidelock.toy.Granted") is second
    assert catalogue.version("tidelock.toy.Granted", 1) is first
    with pytest.raises(UnknownSchema, match="v3"):
        catalogue.version("tidelock.toy.Granted", 3)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"toy/A.avsc": record("B")}, "name the file after the type"),
        ({"other/A.avsc": record("A")}, "name the file after the type"),
        ({"toy/A.v2.avsc": record("A")}, "version 1 is missing"),
        ({"toy/A.avsc": record("A"), "toy/A.v3.avsc": record("A", "x")}, "version 2 is missing"),
        ({"toy/A.avsc": record("A"), "toy/A.v2.avsc": record("A") | {"doc": "new"}}, "same canonical form"),
        ({"toy/A.v1.avsc": record("A")}, "N from 2"),
        ({"toy/A.new.avsc": record("A")}, "N from 2"),
        ({"toy/A.avsc": "{"}, "not JSON"),
    ],
)
def test_files_that_do_not_say_what_they_are_are_refused(
    tmp_path: Path, files: dict[str, Any], reason: str
) -> None:
    for path, definition in files.items():
        write(tmp_path, path, definition)
    with pytest.raises(BadSchema, match=reason):
        load(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"\xc3\x01short", b"\x00\x00\x00\x00\x01body", b"\xc3\x02" + bytes(20)]
)
def test_bytes_that_are_no_message_are_called_so(data: bytes) -> None:
    with pytest.raises(UnknownSchema, match=f"{len(data)} bytes that start with '{data[:HEADER].hex()}'"):
        shipped().of(data)


def test_an_unknown_fingerprint_is_named() -> None:
    error = unknown_header(b"\xc3\x01" + bytes(range(8)) + b"body")
    assert error.wanted == "fingerprint 0001020304050607"
    with pytest.raises(UnknownSchema, match="0001020304050607"):
        shipped().type_name(b"\xc3\x01" + bytes(range(8)))
