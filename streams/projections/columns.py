"""How a value fills a table's columns: a column a field, in their order; what is no plain value goes as JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from streams.domain.value import value
from streams.projections.table import Row

_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode

T = TypeVar("T")


@value
class Document:
    """What is kept as JSON: to its text, and back."""

    text: Callable[[Any], str | None]
    back: Callable[[Any], Any]


def one(of: type) -> Document:
    """Return how a dataclass of plain values is kept, or None."""

    def text(each: Any) -> str | None:
        return None if each is None else _ENCODE(asdict(each))

    def back(found: str | None) -> Any:
        return None if found is None else of(**json.loads(found))

    return Document(text, back)


def several(of: type) -> Document:
    """Return how a tuple of such is kept."""

    def text(all_: Any) -> str:
        return _ENCODE([asdict(each) for each in all_])

    def back(found: str) -> Any:
        return tuple([of(**each) for each in json.loads(found)])

    return Document(text, back)


def named(of: Callable[[str, str], Any]) -> Document:
    """Return how a tuple of named words is kept, so that a database can look for one: an object, by rising name."""

    def text(words: Any) -> str:
        return _ENCODE({each.name: each.value for each in words})

    def back(found: str) -> Any:
        return tuple([of(name, said) for name, said in sorted(json.loads(found).items())])

    return Document(text, back)


class Columns(Generic[T]):
    """The columns that the values of one dataclass fill: its fields from `first` on, but for the `last` ones."""

    def __init__(self, of: type[T], documents: Mapping[str, Document], first: int = 0, last: int = 0) -> None:
        names = [each.name for each in fields(of)]  # type: ignore[arg-type]  # a dataclass
        self._of = of
        self.names = tuple(names[first : len(names) - last])
        self._values = attrgetter(*self.names)
        self._documents = [(self.names.index(name), each) for name, each in documents.items()]

    @property
    def json(self) -> frozenset[str]:
        """The columns that are JSON."""
        return frozenset(self.names[place] for place, _ in self._documents)

    def row(self, one: T) -> Row:
        """Return the columns of `one`."""
        row = list(self._values(one))
        for place, document in self._documents:
            row[place] = document.text(row[place])
        return tuple(row)

    def value(self, row: Row, *before: Any, **more: Any) -> T:
        """Return the value of its columns; `before`: its first fields, `more`: its last."""
        values = list(row)
        for place, document in self._documents:
            values[place] = document.back(values[place])
        return self._of(*before, *values, **more)
