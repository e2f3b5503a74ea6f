"""Values of any kind as plain data, cut to what people look at: a state may hold a million things."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import islice

MOST = 100
"""Elements of one collection that are shown."""
MOST_BYTES = 1024
MOST_CHARS = 4096
DEEPEST = 8
"""Levels of collections inside one another."""
EXACT = 2**53
"""Beyond it numbers are text: others' JSON keeps no more bits."""


def plain(value: object, depth: int = 0) -> object:
    """Return `value` as JSON can have it. What is cut off is told where it was."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -EXACT <= value <= EXACT else str(value)
    if isinstance(value, str):
        return value if len(value) <= MOST_CHARS else f"{value[:MOST_CHARS]}... {len(value):,} characters"
    if isinstance(value, bytes):
        return (
            value.hex() if len(value) <= MOST_BYTES else f"{value[:MOST_BYTES].hex()}... {len(value):,} bytes"
        )
    if isinstance(value, Enum):
        return value.name
    return _several(value, depth)


def typed(value: object) -> dict[str, object]:
    """Return an event or answer as plain data, with its type's name."""
    shown = plain(value)
    return {"type": type(value).__name__} | (shown if isinstance(shown, dict) else {"value": shown})


def _several(value: object, depth: int) -> object:
    if depth == DEEPEST:
        return "..."
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name), depth + 1) for each in fields(value)}
    if isinstance(value, Mapping):
        return _mapping(value, depth + 1)
    if isinstance(value, tuple | list | set | frozenset):
        return _sequence(value, len(value), depth + 1)
    return f"{value!s:.{MOST_CHARS}}"


def _mapping(value: Mapping[object, object], depth: int) -> dict[str, object]:
    shown = {_name(key): plain(value[key], depth) for key in islice(value, MOST)}
    if len(value) > MOST:
        shown["..."] = f"and {len(value) - MOST:,} more"
    return shown


def _sequence(value: Iterable[object], length: int, depth: int) -> list[object]:
    shown = [plain(each, depth) for each in islice(value, MOST)]
    if length > MOST:
        shown.append(f"... and {length - MOST:,} more")
    return shown


def _name(key: object) -> str:
    return key if isinstance(key, str) else str(plain(key, DEEPEST))
