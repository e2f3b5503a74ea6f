"""Random schemas of the kind we accept, values that fit them, and fastavro as the second opinion."""

import io
import json
from itertools import count
from typing import Any

import fastavro
from hypothesis import strategies as st

from schemas.catalogue import SchemaFile, schema_file
from schemas.shapes import Array, Enum, Fixed, Optional, Record, Scalar, Shape

NAME = "tidelock.toy.Toy"
SCALARS = ("string", "bytes", "int", "long", "boolean", "double", "float")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text("az09 \n\0é€😀", max_size=90),
    "bytes": st.binary(max_size=90),
    "int": st.one_of(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(-70, 70)),
    "long": st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-9000, 9000)),
    "boolean": st.booleans(),
    "double": st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False, width=32),
}


def _named(kind: str, **rest: Any) -> st.SearchStrategy[Any]:
    """Return a named type whose name is filled in by `definitions`, as names must differ."""
    return st.fixed_dictionaries({"type": st.just(kind), "name": st.just("?"), **rest})


def _symbols() -> st.SearchStrategy[list[str]]:
    return st.integers(1, 64).map(lambda size: [f"S{n}" for n in range(size)])


LEAVES = st.one_of(
    st.sampled_from(SCALARS),
    _named("fixed", size=st.integers(0, 20)),
    _named("enum", symbols=_symbols()),
)


def _wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        inner.flatmap(lambda item: st.permutations(["null", item])).filter(
            lambda union: not any(map(_is_union, union))
        ),
        _named("record", fields=_fields(inner)),
    )


def _is_union(branch: Any) -> bool:
    return isinstance(branch, list)


def _fields(kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(kinds, max_size=5).map(
        lambda listed: [{"name": f"f{place}", "type": kind} for place, kind in enumerate(listed)]
    )


@st.composite
def files(draw: st.DrawFn) -> SchemaFile:
    """Draw a schema that we accept."""
    fields = draw(_fields(st.recursive(LEAVES, _wrapped, max_leaves=6)))
    definition = {"type": "record", "name": NAME, "fields": fields}
    return schema_file(NAME, 1, _numbered(_bounded(definition)))


def _numbered(definition: Any) -> Any:
    """Give each named type a name of its own."""
    numbers = count()
    text = json.dumps(definition)
    while '"?"' in text:
        text = text.replace('"?"', f'"N{next(numbers)}"', 1)
    return json.loads(text)


def _bounded(part: Any) -> Any:
    """Make items that could take no bytes take some."""
    if isinstance(part, list):
        return [_bounded(each) for each in part]
    if not isinstance(part, dict):
        return part
    out = {key: _bounded(each) for key, each in part.items()}
    if out.get("type") == "array" and _may_be_empty(out["items"]):
        out["items"] = "long"
    return out


def _may_be_empty(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    if item["type"] == "record":
        return all(_may_be_empty(field["type"]) for field in item["fields"])
    return bool(item["type"] == "fixed" and item["size"] == 0)


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Return values of `shape` as mappings and lists, which both codecs take."""
    match shape:
        case Scalar(name):
            return VALUES[name]
        case Fixed(size=size):
            return st.binary(min_size=size, max_size=size)
        case Enum(symbols=symbols):
            return st.sampled_from(symbols)
        case Optional(item=item):
            return st.none() | values(item)
        case Array(item=item):
            return st.lists(values(item), max_size=4)
        case Record(fields=fields):
            return st.fixed_dictionaries({field.name: values(field.shape) for field in fields})


def plain(shape: Shape, value: Any) -> Any:
    """Return a decoded value as the mappings and lists it was encoded from."""
    match shape:
        case Optional(item=item):
            return None if value is None else plain(item, value)
        case Array(item=item):
            return [plain(item, each) for each in value]
        case Record(fields=fields):
            return {field.name: plain(field.shape, getattr(value, field.name)) for field in fields}
        case _:
            return value


def fastavro_body(definition: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(definition, _force=True), value)
    return out.getvalue()


def fastavro_read(writer: Any, body: bytes, reader: Any = None) -> tuple[Any, int]:
    """Return what fastavro reads and how many bytes it took."""
    stream = io.BytesIO(body)
    parsed = fastavro.parse_schema(writer, _force=True)
    resolved = None if reader is None else fastavro.parse_schema(reader, _force=True)
    return fastavro.schemaless_reader(stream, parsed, resolved), stream.tell()
