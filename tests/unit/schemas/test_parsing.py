"""Schemas that could not be bounded, or not held by a value class, are refused when they are loaded."""

from typing import Any

import pytest

from schemas.errors import BadSchema
from schemas.parsing import MAX_DEPTH, inline, parse
from schemas.shapes import Array, Enum, Field, Fixed, Optional, Record, Scalar, Shape


def record(*types: Any, name: str = "t.R", **more: Any) -> dict[str, Any]:
    fields = [{"name": f"f{place}", "type": kind} for place, kind in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields} | more


def test_each_type_has_its_shape() -> None:
    found = parse(
        record(
            "string",
            ["null", "long"],
            ["int", "null"],
            {"type": "array", "items": "bytes", "maxItems": 3},
            {"type": "fixed", "name": "F", "size": 4},
            {"type": "enum", "name": "E", "symbols": ["A", "B"]},
            "F",
            {"type": "string", "logicalType": "uuid"},
        )
    )
    shapes: list[Shape] = [
        Scalar("string"),
        Optional(Scalar("long"), 0),
        Optional(Scalar("int"), 1),
        Array(Scalar("bytes"), 3),
        Fixed("t.F", 4),
        Enum("t.E", ("A", "B")),
        Fixed("t.F", 4),
        Scalar("string"),
    ]
    assert found == Record("t.R", tuple(Field(f"f{place}", shape) for place, shape in enumerate(shapes)))


RECURSIVE = record(["null", "R"])
EMPTY = record(name="Empty")
REFUSED = {
    "recursion": (RECURSIVE, "contains itself"),
    "recursion through an array": (record({"type": "array", "items": "t.R"}), "contains itself"),
    "items that are empty records": (record({"type": "array", "items": EMPTY}), "no bytes"),
    "items that are records of nothing": (
        record({"type": "array", "items": record({"type": "fixed", "name": "N", "size": 0}, name="Inner")}),
        "no bytes",
    ),
    "items that are null": (record({"type": "array", "items": "null"}), "no type"),
    "items of no size": (
        record({"type": "array", "items": {"type": "fixed", "name": "N", "size": 0}}),
        "no bytes",
    ),
    "a map": (record({"type": "map", "values": "string"}), "use an array of name/value records"),
    "a union of three": (record(["null", "string", "long"]), "use separate records"),
    "a union without null": (record(["string", "long"]), "use separate records"),
    "a union in a union": (record(["null", {"type": ["null", "string"]}]), "merge them"),
    "an unknown type": (record("t.Nowhere"), "no type t.Nowhere"),
    "one name twice": (
        record({"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}),
        "defined twice",
    ),
    "an enum of too many symbols": (
        record({"type": "enum", "name": "E", "symbols": [f"S{n}" for n in range(65)]}),
        "1 to 64 symbols",
    ),
    "an enum of none": (record({"type": "enum", "name": "E", "symbols": []}), "1 to 64 symbols"),
    "no named type at all": ("string", "one named type"),
}


@pytest.mark.parametrize(("definition", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(definition: Any, reason: str) -> None:
    with pytest.raises(BadSchema, match=reason) as refused:
        parse(definition)
    assert refused.value.reason in str(refused.value)


def test_too_deep_is_refused_before_the_interpreter_is() -> None:
    nested: Any = "string"
    for _ in range(MAX_DEPTH + 1):
        nested = {"type": "array", "items": nested}
    with pytest.raises(BadSchema, match="nests deeper"):
        parse(record(nested))


@pytest.mark.parametrize(
    ("kind", "given", "default"),
    [
        (["null", "string"], None, None),
        (["string", "null"], "x", "x"),
        ({"type": "array", "items": "int"}, [], ()),
        ("bytes", "\u00ff", b"\xff"),
        ("boolean", True, True),
        ("long", 7, 7),
        ("double", 1, 1.0),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "A", "A"),
    ],
)
def test_a_default_becomes_the_python_value(kind: Any, given: Any, default: object) -> None:
    found = parse({"type": "record", "name": "R", "fields": [{"name": "f", "type": kind, "default": given}]})
    assert isinstance(found, Record)
    assert found.fields[0].default == default
    assert type(found.fields[0].default) is type(default)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("string", 1),
        ("long", True),
        ("long", "1"),
        (["null", "string"], "x"),
        ("boolean", 0),
        ({"type": "fixed", "name": "F", "size": 2}, "abc"),
    ],
)
def test_a_default_that_does_not_fit_is_refused(kind: Any, given: Any) -> None:
    with pytest.raises(BadSchema, match="default"):
        parse({"type": "record", "name": "R", "fields": [{"name": "f", "type": kind, "default": given}]})


def test_types_of_other_files_are_written_out_once() -> None:
    other = {"type": "record", "name": "Shared", "namespace": "t", "fields": [{"name": "n", "type": "long"}]}
    files = {"t.Shared": other}
    found = inline(record("t.Shared", ["null", "t.Shared"]), files.get)
    assert found == record(other, ["null", "t.Shared"])
