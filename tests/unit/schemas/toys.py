"""Schemas made for tests, without files."""

from typing import Any

from schemas.catalogue import Catalogue, SchemaFile, schema_file, shipped
from schemas.codec import Schema

GROUP = "toy"


def record(name: str, /, **fields: Any) -> dict[str, Any]:
    """Return a record of group `toy`; a field is a type, or (type, default)."""
    listed = [_field(field, kind) for field, kind in fields.items()]
    return {"type": "record", "name": name, "namespace": f"tidelock.{GROUP}", "fields": listed}


def _field(name: str, kind: Any) -> dict[str, Any]:
    return (
        {"name": name, "type": kind[0], "default": kind[1]}
        if isinstance(kind, tuple)
        else {"name": name, "type": kind}
    )


def file(definition: Any, version: int = 1) -> SchemaFile:
    return schema_file(f"tidelock.{GROUP}.{definition['name']}", version, definition)


def schema(**fields: Any) -> Schema:
    return Schema(file(record("Toy", **fields)))


def catalogue(*definitions: Any) -> Catalogue:
    """Return a catalogue in which equal names are versions, in order."""
    seen: dict[str, int] = {}
    files = []
    for definition in definitions:
        seen[definition["name"]] = seen.get(definition["name"], 0) + 1
        files.append(file(definition, seen[definition["name"]]))
    return Catalogue(files)


META = shipped().version("tidelock.wire.CommandMeta").definition
