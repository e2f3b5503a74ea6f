"""Generates the function that reads one schema's bytes into objects: strict, bounded, and fast.

Strict: all bytes are used, varints have at most ten bytes, indexes and lengths are in range, text is UTF-8.
Bounded: `MAX_VALUES` values in arrays a message, so that no message is worth more to build than to send.
Reading past the end needs no check of its own: a slice comes out short and the final comparison finds out.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

from schemas.errors import MalformedData, TooManyValues
from schemas.shapes import MISSING, Array, Enum, Fixed, Optional, Record, Scalar, Shape, arrays, weight
from schemas.source import Source
from schemas.targets import Target
from schemas.varints import ZIGZAG, read_block, read_int, read_long, read_span

MAX_VALUES = 32_768
"""How many values the arrays of one message may hold, a record of n fields counting as n + 1."""


def decoder(
    written: Record, target: Target, header: bytes, beside: Target | None = None
) -> Callable[[bytes], Any]:
    """Return the reader of `written` bytes into `target`; with `beside`, into (first field, the rest, its start).

    `written` may be another version of the target's record: fields that it lacks take their default.
    """
    source = Source()
    source.names.update(
        read_long=read_long, read_int=read_int, read_span=read_span, read_block=read_block, ZIGZAG=ZIGZAG,
        fail=_fail(written.fullname), TooMany=_TooManyError,
    )  # fmt: skip
    source.line(f"p = {len(header)}")
    if any(arrays(written)):
        source.line(f"left = {MAX_VALUES}")
    with source.block("try:"):
        rest = written
        if beside is not None:
            _read(source, written.fields[0].shape, beside, "first")
            source.line("start = p")
            rest = Record(written.fullname, written.fields[1:])
        _read_record(source, rest, target, "whole")
    with source.block("except (IndexError, ValueError, struct_error) as error:"):
        source.line("raise fail(d, p, error) from None")
    with source.block("if p != len(d):"):
        source.line("raise fail(d, p, None)")
    source.names["struct_error"] = struct.error
    source.line("return whole" if beside is None else "return first, whole, start")
    return source.function("decode", "d", f"decoder of {written.fullname}")


class _TooManyError(ValueError):
    """Inside a generated reader: an array asks for more than a message may hold."""


class _Table(dict[int, object]):
    """What each byte means where only a few are valid."""

    def __missing__(self, byte: int) -> object:
        raise ValueError(f"a boolean, enum or union has no value {byte}")


def _fail(schema: str) -> Callable[[bytes, int, Exception | None], MalformedData]:
    def fail(data: bytes, at: int, error: Exception | None) -> MalformedData:
        if isinstance(error, _TooManyError):
            return TooManyValues(schema, str(error), at)
        if at > len(data) or isinstance(error, IndexError | struct.error):
            return MalformedData(schema, "the bytes end in the middle of a value", len(data))
        if error is None:
            return MalformedData(schema, f"{len(data) - at} bytes follow its end", at)
        return MalformedData(schema, _reason(error), at)

    return fail


def _reason(error: Exception) -> str:
    return "text is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _read(source: Source, shape: Shape, target: Target | None, to: str) -> None:
    """Add the lines that read one `shape` at `p` into variable `to`."""
    match shape:
        case Scalar(name):
            _SCALARS[name](source, to)
        case Fixed(size=size):
            source.line(f"{to} = d[p:p + {size}]; p += {size}")
        case Enum():
            _read_enum(source, shape, to)
        case Optional():
            _read_optional(source, shape, target, to)
        case Array():
            _read_array(source, shape, target, to)
        case Record():
            assert target is not None
            _read_record(source, shape, target, to)


def _read_string(source: Source, to: str) -> None:
    _read_span(source)
    source.line(f"{to} = d[p:e].decode(); p = e")


def _read_bytes(source: Source, to: str) -> None:
    _read_span(source)
    source.line(f"{to} = d[p:e]; p = e")


def _read_span(source: Source) -> None:
    source.line("n = d[p]; p += 1")
    source.line("if n & 129: p, e = read_span(d, p - 1)")
    source.line("else: e = p + (n >> 1)")


def _read_number(reader: str) -> Callable[[Source, str], None]:
    def read(source: Source, to: str) -> None:
        source.line("n = d[p]")
        source.line(f"if n > 127: {to}, p = {reader}(d, p)")
        source.line(f"else: {to} = ZIGZAG[n]; p += 1")

    return read


def _read_boolean(source: Source, to: str) -> None:
    source.line(f"{to} = {source.constant('table', _Table({0: False, 1: True}))}[d[p]]; p += 1")


def _read_real(code: str, size: int) -> Callable[[Source, str], None]:
    def read(source: Source, to: str) -> None:
        unpack = source.constant("unpack", struct.Struct(code).unpack_from)
        source.line(f"{to}, = {unpack}(d, p); p += {size}")

    return read


_SCALARS: Mapping[str, Callable[[Source, str], None]] = {
    "string": _read_string,
    "bytes": _read_bytes,
    "int": _read_number("read_int"),
    "long": _read_number("read_long"),
    "boolean": _read_boolean,
    "float": _read_real("<f", 4),
    "double": _read_real("<d", 8),
}


def _read_enum(source: Source, shape: Enum, to: str) -> None:
    table = _Table({index * 2: symbol for index, symbol in enumerate(shape.symbols)})
    source.line(f"{to} = {source.constant('table', table)}[d[p]]; p += 1")


def _read_optional(source: Source, shape: Optional, target: Target | None, to: str) -> None:
    source.line("n = d[p]; p += 1")
    with source.block(f"if n == {shape.null_index * 2}:"):
        source.line(f"{to} = None")
    with source.block(f"elif n == {2 - shape.null_index * 2}:"):
        _read(source, shape.item, target, to)
    source.line("else: raise ValueError('a boolean, enum or union has no value %d' % n)")


def _read_array(source: Source, shape: Array, target: Target | None, to: str) -> None:
    with source.block("if not d[p]:"):
        source.line(f"{to} = (); p += 1")
    with source.block("else:"):
        source.line(f"{to} = []")
        with source.block("while True:"):
            _read_block(source, shape, to)
            item = source.fresh("item")
            with source.block("for _ in range(n):"):
                _read(source, shape.item, target, item)
                source.line(f"{to}.append({item})")
        source.line(f"{to} = tuple({to})")


def _read_block(source: Source, shape: Array, to: str) -> None:
    source.line("n = d[p]")
    source.line("if n & 129: n, p = read_block(d, p)")
    source.line("else: n >>= 1; p += 1")
    source.line("if not n: break")
    source.line(f"left -= n * {weight(shape.item)}")
    source.line(f"if left < 0: raise TooMany('its arrays hold more than {MAX_VALUES} values')")
    if shape.max_items is not None:
        too_many = f"an array holds more than {shape.max_items} items"
        source.line(f"if n + len({to}) > {shape.max_items}: raise TooMany({too_many!r})")


def _read_record(source: Source, shape: Record, target: Target, to: str) -> None:
    held = {each.name: source.fresh("v") for each in shape.fields}
    for each in shape.fields:
        _read(source, each.shape, target.inside(each), held[each.name])
    defaults = {each.name: each.default for each in target.record.fields if each.default is not MISSING}
    arguments = [held.get(name) or source.constant("default", defaults[name]) for name in target.names]
    if target.access == "place":
        source.line(f"{to} = ({', '.join(arguments)},)")
    else:  # a class
        source.line(f"{to} = {source.constant('cls', target.cls)}({', '.join(arguments)})")
