"""Finds which field of a value does not fit its schema, after encoding failed. Slow, and only then."""

from collections.abc import Mapping
from typing import Any

from schemas.shapes import MISSING, Array, Enum, Field, Fixed, Optional, Record, Scalar, Shape
from schemas.targets import Target

_BITS = {"int": 32, "long": 64}


def misfit(shape: Shape, target: Target | None, value: Any, path: str = "") -> tuple[str, str] | None:
    """Return the path of the first field in `value` that does not fit, and why; None if all do."""
    match shape:
        case Optional(item=item):
            return None if value is None else misfit(item, target, value, path)
        case Array(item=item):
            return _items(item, target, value, path)
        case Record():
            assert target is not None
            return _record(shape, target, value, path)
        case _:
            expected = _leaf(shape, value)
            return None if expected is None else (path, f"must be {expected}, is {value!r:.80}")


def _record(record: Record, target: Target, value: Any, path: str) -> tuple[str, str] | None:
    for each in record.fields:
        below = f"{path}.{each.name}".lstrip(".")
        try:
            held = _get(target, each, value)
        except (AttributeError, LookupError, TypeError):
            return below, f"is missing in {value!r:.80}"
        found = misfit(each.shape, target.inside(each), held, below)
        if found is not None:
            return found
    return None


def _get(target: Target, field: Field, value: Any) -> object:
    if field.name not in target.names:
        return field.default
    if target.access == "place":
        return value[target.names.index(field.name)]
    if target.access == "attribute":
        return getattr(value, field.name)
    return value[field.name] if field.default is MISSING else value.get(field.name, field.default)


def _items(item: Shape, target: Target | None, value: Any, path: str) -> tuple[str, str] | None:
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
        return path, f"must be a tuple, is {value!r:.80}"
    found = (misfit(item, target, each, f"{path}[{place}]") for place, each in enumerate(value))
    return next((each for each in found if each is not None), None)


def _leaf(shape: Shape, value: Any) -> str | None:
    """Return what was expected, or None if `value` is that."""
    match shape:
        case Scalar("string"):
            fits = (isinstance(value, str) and value.isprintable()) or _is_utf8(value)
            return None if fits else "text that UTF-8 can express"
        case Scalar("bytes"):
            return None if isinstance(value, bytes) else "bytes"
        case Scalar("boolean"):
            return None if isinstance(value, bool) else "True or False"
        case Scalar(("int" | "long") as name):
            bits = _BITS[name] - 1
            return (
                None
                if isinstance(value, int) and -(1 << bits) <= value < 1 << bits
                else f"an integer of {bits + 1} bits"
            )
        case Scalar():
            return None if isinstance(value, float | int) else "a number"
        case Fixed(size=size):
            return None if isinstance(value, bytes) and len(value) == size else f"{size} bytes"
        case Enum(symbols=symbols):
            return None if value in symbols else f"one of {', '.join(symbols)}"
        case _:
            return None


def _is_utf8(value: object) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
