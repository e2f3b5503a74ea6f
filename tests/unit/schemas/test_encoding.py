"""Values that do not fit their schema are refused, and the message names the field."""

from typing import Any

import pytest

from schemas.errors import InvalidValue
from tests.unit.schemas.toys import record, schema

INNER = record("Inner", n="long", s=(["null", "string"], None))
FIELDS: dict[str, Any] = {
    "text": "string",
    "data": "bytes",
    "number": "long",
    "small": "int",
    "flag": "boolean",
    "real": "double",
    "key": {"type": "fixed", "name": "Key", "size": 4},
    "mode": {"type": "enum", "name": "Mode", "symbols": ["A", "B"]},
    "maybe": (["null", "long"], None),
    "inner": "Inner",
    "many": {"type": "array", "items": INNER},
}
GOOD: dict[str, Any] = {
    "text": "t",
    "data": b"d",
    "number": 1,
    "small": -1,
    "flag": True,
    "real": 0.5,
    "key": b"1234",
    "mode": "B",
    "maybe": None,
    "inner": {"n": 1},
    "many": [{"n": 2, "s": "x"}],
}
TOY = schema(many=FIELDS.pop("many"), **FIELDS)


def test_good_values_come_back() -> None:
    found = TOY.decode(TOY.encode(GOOD))
    inner = type(found.inner)
    assert {name: getattr(found, name) for name in GOOD} == GOOD | {
        "inner": inner(1, None),
        "many": (type(found.many[0])(2, "x"),),
    }


BAD = {
    "a number for text": ("text", 5, "must be text"),
    "a lone surrogate": ("text", "\ud800", "must be text that UTF-8 can express"),
    "text for bytes": ("data", "d", "must be bytes"),
    "text for a number": ("number", "1", "must be an integer of 64 bits"),
    "a float for a number": ("number", 1.0, "must be an integer"),
    "None for a number": ("number", None, "must be an integer"),
    "a long beyond 64 bits": ("number", 1 << 63, "must be an integer of 64 bits"),
    "an int beyond 32 bits": ("small", -(1 << 31) - 1, "must be an integer of 32 bits"),
    "text for a boolean": ("flag", "true", "must be True or False"),
    "None for a boolean": ("flag", None, "must be True or False"),
    "text for a double": ("real", "x", "must be a number"),
    "too few bytes": ("key", b"123", "must be 4 bytes"),
    "text for fixed bytes": ("key", "1234", "must be 4 bytes"),
    "a symbol that is none": ("mode", "C", "must be one of A, B"),
    "something unhashable for an enum": ("mode", [], "must be one of A, B"),
    "text where a number may be": ("maybe", "x", "must be an integer"),
    "text for an array": ("many", "xx", "must be a tuple"),
    "a mapping for an array": ("many", {"n": 1}, "must be a tuple"),
    "a generator for an array": ("many", iter(()), "must be a tuple"),
}


@pytest.mark.parametrize(("name", "value", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_value_is_refused_by_name(name: str, value: object, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason) as refused:
        TOY.encode(GOOD | {name: value})
    assert refused.value.path == name
    assert refused.value.schema == "tidelock.toy.Toy"


def test_the_path_leads_into_records_and_arrays() -> None:
    with pytest.raises(InvalidValue) as refused:
        TOY.encode(GOOD | {"inner": {"n": 1, "s": 5}})
    assert refused.value.path == "inner.s"
    with pytest.raises(InvalidValue) as refused:
        TOY.encode(GOOD | {"many": [{"n": 1}, {"n": "1"}]})
    assert refused.value.path == "many[1].n"


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidValue, match="is missing") as refused:
        TOY.encode({name: value for name, value in GOOD.items() if name != "key"})
    assert refused.value.path == "key"


def test_a_field_that_the_schema_lacks_is_refused_so_that_typing_errors_show() -> None:
    with pytest.raises(InvalidValue, match="is no field of it") as refused:
        TOY.encode(GOOD | {"mybe": 1})
    assert refused.value.path == "mybe"
