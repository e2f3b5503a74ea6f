"""Which Python class stands for which record, checked field by field when the process starts.

A record stands as one of three things: an object with one attribute a field, a plain tuple with one place a
field (`details: tuple[tuple[str, str], ...]`), or, for encoding only, a mapping with one key a field.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from typing import Any, Literal, NewType, TypeAlias, Union, get_args, get_origin, get_type_hints

from schemas.errors import BindingMismatch
from schemas.shapes import Array, Enum, Field, Fixed, Optional, Record, Scalar, Shape, inner_record

Access: TypeAlias = Literal["attribute", "place", "key"]
_SCALAR_TYPES: Mapping[str, type] = {
    "string": str,
    "bytes": bytes,
    "int": int,
    "long": int,
    "boolean": bool,
    "float": float,
    "double": float,
}


@dataclass(frozen=True, slots=True)
class Target:
    """How a record looks in Python. `nested`: by field name, the target of the record inside that field."""

    record: Record
    access: Access
    cls: type | None
    """The class, for access by attribute."""
    names: tuple[str, ...]
    """The constructor's arguments, in order."""
    nested: Mapping[str, "Target"] = field(default_factory=dict)

    def inside(self, field: Field) -> "Target | None":
        """Return the target of the record inside `field`, if one is; some generated class if we drop it."""
        record = inner_record(field.shape)
        return None if record is None else self.nested.get(field.name) or generated_target(record)


def class_target(record: Record, cls: type) -> Target:
    """Return the target for `cls`; BindingMismatch if fields differ in name, order or type."""
    hints = _hints(cls)
    names = tuple(f.name for f in record.fields)
    if tuple(hints) != names:
        raise BindingMismatch(
            cls, record.fullname, f"its fields are {tuple(hints)}, the schema's are {names}"
        )
    nested: dict[str, Target] = {}
    for each in record.fields:
        inner = _check(cls, each.name, each.shape, hints[each.name])
        if inner is not None:
            nested[each.name] = inner
    return Target(record, "attribute", cls, names, nested)


def mapping_target(record: Record) -> Target:
    """Return the target that reads mappings, nested ones too."""
    return Target(
        record, "key", None, tuple(f.name for f in record.fields), _each_nested(record, mapping_target)
    )


def generated_target(record: Record) -> Target:
    """Return the target of a slotted class made for the record, for those who bind none."""
    names = tuple(f.name for f in record.fields)
    cls = make_dataclass(record.fullname.rpartition(".")[2], names, slots=True, unsafe_hash=True)
    return Target(record, "attribute", cls, names, _each_nested(record, generated_target))


def _each_nested(record: Record, make: Any) -> dict[str, Target]:
    found = ((each.name, inner_record(each.shape)) for each in record.fields)
    return {name: make(inner) for name, inner in found if inner is not None}


def _hints(cls: type) -> dict[str, Any]:
    """Return the resolved annotation of each constructor argument, in order."""
    hints = get_type_hints(cls)
    places = getattr(cls, "_fields", None) or tuple(getattr(cls, "__dataclass_fields__", ()))
    return {name: _plain(hints[name]) for name in places}


def _plain(hint: Any) -> Any:
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    return hint


def _check(cls: type, name: str, shape: Shape, hint: Any) -> Target | None:
    """Raise unless `hint` is right for `shape`; return the target of the record inside, if there is one."""
    hint = _plain(hint)
    match shape:
        case Scalar(scalar) if hint is _SCALAR_TYPES[scalar]:
            return None
        case Fixed() if hint is bytes:
            return None
        case Enum(symbols=symbols) if get_origin(hint) is Literal and set(get_args(hint)) == set(symbols):
            return None
        case Optional(item=item) if get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(
            hint
        ):
            others = [arg for arg in get_args(hint) if arg is not type(None)]
            return _check(cls, name, item, others[0] if len(others) == 1 else Union[tuple(others)])  # noqa: UP007
        case Array(item=item) if get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,):
            return _check(cls, name, item, get_args(hint)[0])
        case Record() if get_origin(hint) is tuple:
            return _tuple_target(cls, name, shape, get_args(hint))
        case Record() if isinstance(hint, type) and (
            hasattr(hint, "__dataclass_fields__") or hasattr(hint, "_fields")
        ):
            return class_target(shape, hint)
        case _:
            raise BindingMismatch(cls, shape_name(shape), f"field {name} is annotated {hint}")


def _tuple_target(cls: type, name: str, record: Record, hints: tuple[Any, ...]) -> Target:
    if len(hints) != len(record.fields):
        raise BindingMismatch(
            cls, record.fullname, f"field {name} is a tuple of {len(hints)}, not {len(record.fields)}"
        )
    nested = {}
    for each, hint in zip(record.fields, hints, strict=True):
        inner = _check(cls, f"{name}.{each.name}", each.shape, hint)
        if inner is not None:
            nested[each.name] = inner
    return Target(record, "place", None, tuple(f.name for f in record.fields), nested)


def shape_name(shape: Shape) -> str:
    """Return what people call `shape`."""
    match shape:
        case Scalar(name):
            return name
        case Optional(item=item):
            return f"null or {shape_name(item)}"
        case Array(item=item):
            return f"array of {shape_name(item)}"
        case Record(fullname=name) | Enum(fullname=name) | Fixed(fullname=name):
            return name
