"""A digest of a call's parameters that is the same in every process and release: what results are cached under.

Each value is written with its type, so 1, 1.0, True and "1" differ, as do () and []. Mappings and sets count by what is
in them, in any order; dataclasses and enums by their class and fields.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from tidelock.client.errors import ParameterUnhashable

MAX_DEPTH: Final = 32
DIGEST_BYTES: Final = 20
_TEXTS: Final = (str, int, float, Decimal, datetime, date, time, UUID)
"""Types of which `repr` or `isoformat` says all, the same everywhere; looked up exactly, so no subclass slips in."""


def digest(parameters: Mapping[str, Any]) -> str:
    """Return 40 characters for named parameters. Raises `ParameterUnhashable`, which names the one at fault."""
    whole = blake2b(digest_size=DIGEST_BYTES)
    for name, given in parameters.items():
        whole.update(_framed(b"p", [name.encode(), _written(name, given, 0)]))
    return whole.hexdigest()


def _written(name: str, given: Any, depth: int) -> bytes:
    if depth > MAX_DEPTH:
        raise _unhashable(name, f"is nested deeper than {MAX_DEPTH}")
    kind = type(given)
    if given is None or kind is bool or kind in _TEXTS:
        return _framed(kind.__name__.encode(), [_text(given).encode("utf-8", "surrogatepass")])
    if kind is bytes:
        return _framed(b"bytes", [given])
    if kind is timedelta:
        return _framed(b"timedelta", [str(given // timedelta(microseconds=1)).encode()])
    below = depth + 1
    if kind in (list, tuple):
        return _framed(kind.__name__.encode(), [_written(name, each, below) for each in given])
    if isinstance(given, Enum):
        return _framed(_class(given), [given.name.encode()])
    if isinstance(given, Mapping):
        pairs = [
            _framed(b"", [_written(name, key, below), _written(name, each, below)])
            for key, each in given.items()
        ]
        return _framed(b"mapping", sorted(pairs))
    if isinstance(given, Set):
        return _framed(b"set", sorted(_written(name, each, below) for each in given))
    if is_dataclass(given) and not isinstance(given, type):
        content = [_written(name, getattr(given, field.name), below) for field in fields(given)]
        return _framed(_class(given), content)
    raise _unhashable(name, f"is of {kind.__module__}.{kind.__qualname__}")


def _text(given: Any) -> str:
    return given.isoformat() if isinstance(given, date | time) else str(given)


def _class(given: Any) -> bytes:
    kind = type(given)
    return f"{kind.__module__}.{kind.__qualname__}".encode()


def _framed(kind: bytes, parts: Iterable[bytes]) -> bytes:
    """Return the parts under a type, with their lengths: no two lists of parts look alike."""
    content = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    return b"%d:%b%b" % (len(kind), kind, content)


def _unhashable(name: str, what: str) -> ParameterUnhashable:
    return ParameterUnhashable(
        f"Parameter {name!r} {what}, which has no digest that is the same everywhere. Give plain values, or leave it "
        "out of the key: cached_query(..., ignore=(...)).",
        details=(("parameter", name),),
    )
