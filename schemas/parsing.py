"""From the JSON of an .avsc file to shapes, refusing what cannot be bounded. Standard library only."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from schemas.errors import BadSchema
from schemas.shapes import (
    MISSING,
    SCALARS,
    Array,
    Enum,
    Field,
    Fixed,
    Optional,
    Record,
    Scalar,
    Shape,
    min_width,
)

Json: TypeAlias = Any
_Named = TypeVar("_Named", Record, Enum, Fixed)
MAX_DEPTH = 8
MAX_SYMBOLS = 64
"""So that the index of each takes one byte."""


def parse(definition: Json) -> Record | Enum | Fixed:
    """Return the shape of a self-contained definition of a named type."""
    name = full_name(definition, "") if isinstance(definition, dict) else str(definition)
    shape = _Parser(name).shape(definition, "", 0)
    if not isinstance(shape, Record | Enum | Fixed):
        raise BadSchema(name, "a file holds one named type; wrap this one in a record")
    return shape


def full_name(definition: Mapping[str, Json], namespace: str) -> str:
    """Return the full name of a named type defined inside `namespace`."""
    name = str(definition["name"])
    inside = str(definition.get("namespace", namespace))
    return name if "." in name or not inside else f"{inside}.{name}"


def inline(definition: Json, lookup: Callable[[str], Json | None]) -> Json:
    """Return `definition` with each type of another file written out where it is first named."""
    return _inline(definition, "", lookup, set())


def _inline(part: Json, namespace: str, lookup: Callable[[str], Json | None], seen: set[str]) -> Json:
    if isinstance(part, list):
        return [_inline(branch, namespace, lookup, seen) for branch in part]
    if isinstance(part, dict):
        out = dict(part)
        if "name" in part and part.get("type") in ("record", "enum", "fixed"):
            name = full_name(part, namespace)
            seen.add(name)
            namespace = name.rpartition(".")[0]
        for key in ("items", "values", "type"):
            if key in part:
                out[key] = _inline(part[key], namespace, lookup, seen)
        if "fields" in part:
            out["fields"] = [_inline(field, namespace, lookup, seen) for field in part["fields"]]
        return out
    if isinstance(part, str) and "." in part and part not in seen:
        found = lookup(part)
        return part if found is None else _inline(found, "", lookup, seen)
    return part


class _Parser:
    """Reads one file; its named types are its own."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.named: dict[str, Shape | None] = {}

    def shape(self, part: Json, namespace: str, depth: int) -> Shape:
        if depth > MAX_DEPTH:
            raise BadSchema(self.schema, f"nests deeper than {MAX_DEPTH}; flatten it")
        match part:
            case list():
                return self._optional(part, namespace, depth)
            case str() if part in SCALARS:
                return Scalar(part)
            case str():
                return self._reference(part, namespace)
            case {"type": "record"}:
                return self._record(part, namespace, depth)
            case {"type": "enum", "symbols": [*symbols]}:
                name = full_name(part, namespace)
                if not 1 <= len(symbols) <= MAX_SYMBOLS:
                    raise BadSchema(
                        self.schema, f"enum {name} needs 1 to {MAX_SYMBOLS} symbols; use a string"
                    )
                return self._define(name, Enum(name, tuple(map(str, symbols))))
            case {"type": "fixed", "size": int(size)}:
                name = full_name(part, namespace)
                return self._define(name, Fixed(name, size))
            case {"type": "array"}:
                return self._array(part, namespace, depth)
            case {"type": (str() | dict() | list()) as inner} if inner not in ("map", "null"):
                return self.shape(inner, namespace, depth + 1)
            case _:
                raise BadSchema(
                    self.schema, f"{part!r} is not supported; use an array of name/value records for a map"
                )

    def _define(self, name: str, shape: _Named) -> _Named:
        if self.named.get(name) is not None:
            raise BadSchema(self.schema, f"{name} is defined twice; rename one")
        self.named[name] = shape
        return shape

    def _reference(self, name: str, namespace: str) -> Shape:
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        if full not in self.named:
            raise BadSchema(self.schema, f"no type {full}; define it in this file or in a file of its own")
        shape = self.named[full]
        if shape is None:
            raise BadSchema(
                self.schema, f"{full} contains itself, so its depth has no bound; store a flat list"
            )
        return shape

    def _optional(self, branches: list[Json], namespace: str, depth: int) -> Shape:
        others = [branch for branch in branches if branch != "null"]
        if len(branches) != 2 or len(others) != 1:
            raise BadSchema(
                self.schema, f"union {branches!r} is not null and one other type; use separate records"
            )
        item = self.shape(others[0], namespace, depth + 1)
        if isinstance(item, Optional):
            raise BadSchema(self.schema, "a union lies directly in a union; merge them")
        return Optional(item, branches.index("null"))

    def _array(self, part: Mapping[str, Json], namespace: str, depth: int) -> Shape:
        item = self.shape(part["items"], namespace, depth + 1)
        if min_width(item) == 0:
            raise BadSchema(
                self.schema, "items of an array may take no bytes, so a few bytes could ask for billions"
            )
        return Array(item, part.get("maxItems"))

    def _record(self, part: Mapping[str, Json], namespace: str, depth: int) -> Shape:
        name = full_name(part, namespace)
        if name in self.named:
            raise BadSchema(self.schema, f"{name} is defined twice; rename one")
        self.named[name] = None  # being defined
        inside = name.rpartition(".")[0]
        fields = tuple(self._field(field, inside, depth + 1) for field in part["fields"])
        return self._define(name, Record(name, fields))

    def _field(self, field: Mapping[str, Json], namespace: str, depth: int) -> Field:
        shape = self.shape(field["type"], namespace, depth)
        if "default" not in field:
            return Field(field["name"], shape, MISSING)
        return Field(field["name"], shape, self._default(field["name"], shape, field["default"]))

    def _default(self, name: str, shape: Shape, given: Json) -> object:
        match shape, given:
            case Optional(null_index=0), None:
                return None
            case Optional(item=item, null_index=1), _:
                return self._default(name, item, given)
            case Array(), []:
                return ()
            case Scalar("string"), str():
                return given
            case Scalar("bytes"), str():
                return given.encode("latin-1")
            case Fixed(size=size), str() if len(given) == size:
                return given.encode("latin-1")
            case Scalar("boolean"), bool():
                return given
            case Scalar("int" | "long"), int() if not isinstance(given, bool):
                return given
            case Scalar("float" | "double"), (int() | float()):
                return float(given)
            case Enum(symbols=symbols), str() if given in symbols:
                return given
            case _:
                raise BadSchema(self.schema, f"default {given!r} of field {name} does not fit its type")
