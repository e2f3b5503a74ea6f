"""JSON in the rows of queues."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from streams.domain.queues.commands import Header, Origin
from streams.domain.queues.settings import QueueSettings
from streams.projections.queues.reads import OriginRow
from streams.projections.text import storable

_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_NO_HEADERS = "[]"


def settings_document(settings: QueueSettings) -> str:
    """Return settings as a JSON object."""
    return _ENCODE(asdict(settings))


def settings_of(text: str) -> QueueSettings:
    """Return what `settings_document` wrote."""
    return QueueSettings(**json.loads(text))


def headers_document(headers: Iterable[Header]) -> str:
    """Return headers as a JSON list of [name, value]."""
    pairs = [[storable(each.name), storable(each.value)] for each in headers]
    return _ENCODE(pairs) if pairs else _NO_HEADERS


def headers_of(text: str) -> tuple[tuple[str, str], ...]:
    """Return what `headers_document` wrote."""
    return tuple([(name, said) for name, said in json.loads(text)])


def origin_document(origin: Origin | None) -> str | None:
    """Return where a message was before it was moved, as a JSON object."""
    if origin is None:
        return None
    told = {
        name: each for name, each in asdict(origin).items() if name != "hops"
    }  # it starts over by a redrive
    return _ENCODE({name: storable(each) if isinstance(each, str) else each for name, each in told.items()})


def origin_of(text: str | None) -> OriginRow | None:
    """Return what `origin_document` wrote."""
    if text is None:
        return None
    found: dict[str, Any] = json.loads(text)
    return OriginRow(**found)
