"""JSON in the rows of caches."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from streams.domain.caches.settings import CacheSettings

_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_NO_TAGS = "[]"


def settings_document(settings: CacheSettings) -> str:
    """Return settings as a JSON object."""
    return _ENCODE(asdict(settings))


def settings_of(text: str) -> CacheSettings:
    """Return what `settings_document` wrote."""
    return CacheSettings(**json.loads(text))


def tags_document(tags: Iterable[str]) -> str:
    """Return tags as a JSON list."""
    listed = list(tags)
    return _ENCODE(listed) if listed else _NO_TAGS


def tags_of(text: str) -> tuple[str, ...]:
    """Return what `tags_document` wrote."""
    return tuple(json.loads(text))
