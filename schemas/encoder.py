"""Generates the function that writes an object as one schema's bytes; the mirror of `schemas.decoder`."""

import struct
from collections.abc import Callable, Mapping
from functools import partial

from schemas.decoder import MAX_VALUES
from schemas.errors import InvalidValue
from schemas.explain import misfit
from schemas.shapes import MISSING, Array, Enum, Field, Fixed, Optional, Record, Scalar, Shape, arrays, weight
from schemas.source import Source
from schemas.targets import Target
from schemas.varints import BYTE, write_int, write_varint

_ERRORS = (AttributeError, TypeError, ValueError, LookupError, ArithmeticError, struct.error)


def encoder(
    written: Record, target: Target, header: bytes, beside: Target | None = None
) -> Callable[..., bytes]:
    """Return the writer of `target` as `written` bytes; with `beside`, of (first field, the rest)."""
    source = Source()
    source.names.update(BYTE=BYTE, write_varint=write_varint, write_int=write_int, ERRORS=_ERRORS)
    parts = [source.constant("header", header)]
    if any(arrays(written)):
        source.line(f"left = {MAX_VALUES}")
    checked: list[tuple[str, Shape, Target]] = []
    rest = written
    with source.block("try:"):
        if beside is not None:
            first, rest = written.fields[0].shape, Record(written.fullname, written.fields[1:])
            checked.append(("first", first, beside))
            parts += _write(source, first, beside, "first")
        checked.append(("o", rest, target))
        parts += _write_record(source, rest, target, "o")
        source.line(f"return b''.join({_tuple(parts)})")
    arguments = ", ".join(name for name, _, _ in checked)
    with source.block("except ERRORS as error:"):
        source.line(f"raise fail(error, ({arguments},)) from None")
    source.names["fail"] = partial(_fail, written.fullname, checked)
    return source.function("encode", arguments, f"encoder of {written.fullname}")


def _fail(
    schema: str, checked: list[tuple[str, Shape, Target]], error: Exception, values: tuple[object, ...]
) -> InvalidValue:
    for (_, shape, target), value in zip(checked, values, strict=True):
        found = misfit(shape, target, value)
        if found is not None:
            return InvalidValue(schema, *found)
    return InvalidValue(schema, "", str(error))


def _write_record(source: Source, shape: Record, target: Target, value: str) -> list[str]:
    """Add the lines that prepare a record held by `value`; return the expressions of its bytes, in order."""
    parts: list[str] = []
    for each in shape.fields:
        held = source.fresh("v")
        source.line(f"{held} = {_get(source, target, each, value)}")
        parts += _write(source, each.shape, target.inside(each), held)
    return parts


def _get(source: Source, target: Target, field: Field, value: str) -> str:
    if field.name not in target.names:  # a field of another version, which the class does not have
        return source.constant("default", field.default)
    if target.access == "place":
        return f"{value}[{target.names.index(field.name)}]"
    if target.access == "attribute":
        return f"{value}.{field.name}"
    if field.default is MISSING:
        return f"{value}[{field.name!r}]"
    return f"{value}.get({field.name!r}, {source.constant('default', field.default)})"


def _tuple(parts: list[str]) -> str:
    return f"({', '.join(parts)},)"


def _write(source: Source, shape: Shape, target: Target | None, value: str) -> list[str]:
    match shape:
        case Scalar(name):
            return _SCALARS[name](source, value)
        case Fixed(size=size):
            source.line(f"if len({value}) != {size}: raise ValueError('is not {size} bytes long')")
            return [value]
        case Enum(symbols=symbols):
            table = {symbol: write_varint(index << 1) for index, symbol in enumerate(symbols)}
            return [f"{source.constant('symbols', table)}[{value}]"]
        case Optional():
            return _write_optional(source, shape, target, value)
        case Array():
            return _write_array(source, shape, target, value)
        case Record():
            assert target is not None
            return _write_record(source, shape, target, value)


def _write_string(source: Source, value: str) -> list[str]:
    source.line(f"{value} = {value}.encode()")
    return _write_bytes(source, value)


def _write_bytes(source: Source, value: str) -> list[str]:
    size = source.fresh("n")
    source.line(f"{size} = len({value}) << 1")
    return [f"BYTE[{size}] if {size} < 128 else write_varint({size})", value]


def _write_number(writer: str) -> Callable[[Source, str], list[str]]:
    def write(source: Source, value: str) -> list[str]:
        source.line(f"{value} = ({value} << 1) ^ ({value} >> 63)")
        return [f"BYTE[{value}] if {value} < 128 else {writer}({value})"]

    return write


def _write_boolean(source: Source, value: str) -> list[str]:
    return [f"{source.constant('booleans', {False: BYTE[0], True: BYTE[1]})}[{value}]"]


def _write_real(code: str) -> Callable[[Source, str], list[str]]:
    def write(source: Source, value: str) -> list[str]:
        return [f"{source.constant('pack', struct.Struct(code).pack)}({value})"]

    return write


_SCALARS: Mapping[str, Callable[[Source, str], list[str]]] = {
    "string": _write_string,
    "bytes": _write_bytes,
    "int": _write_number("write_int"),
    "long": _write_number("write_varint"),
    "boolean": _write_boolean,
    "float": _write_real("<f"),
    "double": _write_real("<d"),
}


def _write_optional(source: Source, shape: Optional, target: Target | None, value: str) -> list[str]:
    out = source.fresh("b")
    with source.block(f"if {value} is None:"):
        source.line(f"{out} = BYTE[{shape.null_index * 2}]")
    with source.block("else:"):
        parts = _write(source, shape.item, target, value)
        source.line(f"{out} = b''.join({_tuple([f'BYTE[{2 - shape.null_index * 2}]', *parts])})")
    return [out]


def _write_array(source: Source, shape: Array, target: Target | None, value: str) -> list[str]:
    size, out, item = source.fresh("n"), source.fresh("b"), source.fresh("item")
    source.line(f"{size} = len({value})")
    source.line(f"left -= {size} * {weight(shape.item)}")
    source.line(f"if left < 0: raise ValueError('makes the arrays hold more than {MAX_VALUES} values')")
    if shape.max_items is not None:
        source.line(
            f"if {size} > {shape.max_items}: raise ValueError('holds more than {shape.max_items} items')"
        )
    with source.block(f"if not {size}:"):
        source.line(f"{out} = BYTE[0]")
    with source.block("else:"):
        source.line(f"{out} = [write_varint({size} << 1)]")
        with source.block(f"for {item} in {value}:"):
            parts = _write(source, shape.item, target, item)
            source.line(f"{out} += {_tuple(parts)}")
        source.line(f"{out}.append(BYTE[0])")
        source.line(f"{out} = b''.join({out})")
    return [out]
