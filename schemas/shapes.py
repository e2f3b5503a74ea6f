"""The part of Avro that we use, as types. Standard library only.

Left out is what cannot be bounded before it is read (recursion, items that take no bytes) and what a
value class cannot hold plainly (maps, and unions except for "null or one other type"). So each item of an
array costs bytes, and the depth of a message is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

ScalarName: TypeAlias = Literal["string", "bytes", "int", "long", "boolean", "float", "double"]
SCALARS: Final[tuple[ScalarName, ...]] = ("string", "bytes", "int", "long", "boolean", "float", "double")


class Missing:
    """The default of a field that has none."""


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Scalar:
    """A primitive type, except null."""

    name: ScalarName


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many bytes, never more, never fewer."""

    fullname: str
    size: int


@dataclass(frozen=True, slots=True)
class Enum:
    """One of some upper-case symbols; a string in Python."""

    fullname: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or null; `null_index` is 0 for ["null", X] and 1 for [X, "null"]."""

    item: "Shape"
    null_index: int


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of items up to `max_items`; a tuple in Python."""

    item: "Shape"
    max_items: int | None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record."""

    name: str
    shape: "Shape"
    default: object = MISSING


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields in order."""

    fullname: str
    fields: tuple[Field, ...]


Shape: TypeAlias = Scalar | Fixed | Enum | Optional | Array | Record


def min_width(shape: Shape) -> int:
    """Return the fewest bytes that a value of `shape` takes."""
    match shape:
        case Scalar("float"):
            return 4
        case Scalar("double"):
            return 8
        case Fixed(size=size):
            return size
        case Record(fields=fields):
            return sum(min_width(field.shape) for field in fields)
        case _:
            return 1


def weight(shape: Shape) -> int:
    """Return how many values a reader builds for one `shape`, items of arrays in it not counted."""
    match shape:
        case Record(fields=fields):
            return 1 + sum(weight(field.shape) for field in fields)
        case Optional(item=item):
            return weight(item)
        case _:
            return 1


def inner_record(shape: Shape) -> Record | None:
    """Return the record that `shape` is, or is an array or option of."""
    match shape:
        case Record():
            return shape
        case Optional(item=item) | Array(item=item):
            return inner_record(item)
        case _:
            return None


def arrays(shape: Shape) -> Iterator[Array]:
    """Yield every array type in `shape`."""
    match shape:
        case Record(fields=fields):
            for field in fields:
                yield from arrays(field.shape)
        case Optional(item=item):
            yield from arrays(item)
        case Array(item=item):
            yield shape
            yield from arrays(item)
        case _:
            return
