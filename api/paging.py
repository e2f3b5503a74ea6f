"""Pages: how long they may be, and the opaque cursors between them.

A cursor holds the key of a row, sealed for one list and one tenant: who makes one up is told so.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Generic, TypeVar

from api.errors import BadCursor, BadPage
from streams.projections.reads import AsOf

MAX_FIRST = 100
MAX_INNER = 10_000
"""Rows of pages within pages, of one answer: 100 rows with a page of 100 each."""
MAC_BYTES = 9
MAX_CURSOR = 4_000
"""Of the longest name there is, escaped."""

Row = TypeVar("Row")


class Seal:
    """Makes and opens the cursors of one list for one tenant."""

    def __init__(self, key: bytes, of: str, tenant: str, types: tuple[type, ...]) -> None:
        """`types`: of the values of a row's key."""
        self._key = blake2b(key, digest_size=32, person=b"tidelock-pages").digest()
        self._about = f"{of}/{tenant}/".encode()
        self._types = types

    def close(self, key: Sequence[Any]) -> str:
        """Return the cursor of the row with this key."""
        body = json.dumps(key, separators=(",", ":")).encode()
        return urlsafe_b64encode(self._mac(body) + body).rstrip(b"=").decode()

    def open(self, cursor: str) -> tuple[Any, ...]:
        """Return the key. Raises `BadCursor`."""
        try:
            if len(cursor) > MAX_CURSOR:
                raise ValueError("too long")
            data = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            mac, body = data[:MAC_BYTES], data[MAC_BYTES:]
            if not compare_digest(mac, self._mac(body)):
                raise ValueError("its seal is broken")
            key = tuple(json.loads(body))
            if tuple(map(type, key)) != self._types:
                raise ValueError("another list's")
        except (ValueError, NoBase64) as error:
            raise BadCursor(
                "`after` is no cursor of this list. Give a cursor as a page of the same list gave it, or none."
            ) from error
        return key

    def _mac(self, body: bytes) -> bytes:
        return blake2b(self._about + body, key=self._key, digest_size=MAC_BYTES).digest()


def size_of(first: int) -> int:
    """Return `first`. Raises `BadPage` if no page is so long."""
    if not 1 <= first <= MAX_FIRST:
        raise BadPage(f"`first` is {first}. Choose 1 to {MAX_FIRST}, and go on with `after`.", max=MAX_FIRST)
    return first


class InnerPages:
    """How many rows the pages within the pages of one answer may still ask for."""

    def __init__(self, left: int = MAX_INNER) -> None:
        self._left = left

    def take(self, first: int) -> None:
        """Ask for so many. Raises `BadPage`."""
        self._left -= first
        if self._left < 0:
            raise BadPage(
                f"Pages within pages ask for more than {MAX_INNER:,} rows together. Choose a smaller `first`, "
                "within or without.",
                max=MAX_INNER,
            )


class Page(Generic[Row]):
    """One page of a list, with the fields of a Relay connection."""

    def __init__(
        self,
        found: Sequence[Row],
        first: int,
        as_of: AsOf,
        key: Callable[[Row], Sequence[Any]],
        seal: Seal,
        after: str | None,
        resume: Sequence[Any] | None = None,
    ) -> None:
        """`found` has one row more than `first` if there is a next page; or `resume` says after which key it begins."""
        self.nodes = found[:first]
        self.has_next_page = len(found) > first or resume is not None
        self._resume = resume
        self.has_previous_page = after is not None
        self.as_of = as_of
        self._key = key
        self._seal = seal

    def cursor(self, row: Row) -> str:
        """Return the cursor of a row of this page."""
        return self._seal.close(self._key(row))

    @property
    def edges(self) -> "list[Edge[Row]]":
        """The rows, each with its cursor."""
        return [Edge(self, row) for row in self.nodes]

    @property
    def page_info(self) -> "Page[Row]":
        """Itself."""
        return self

    @cached_property
    def start_cursor(self) -> str | None:
        """Of the first row."""
        return self.cursor(self.nodes[0]) if self.nodes else None

    @cached_property
    def end_cursor(self) -> str | None:
        """Of the last row, or of the last that was looked at: `after` it the next page begins."""
        if self._resume is not None:
            return self._seal.close(self._resume)
        return self.cursor(self.nodes[-1]) if self.nodes else None


class Edge(Generic[Row]):
    """A row of a page and its cursor, which is made when it is asked for."""

    __slots__ = ("_page", "node")

    def __init__(self, page: Page[Row], node: Row) -> None:
        self._page = page
        self.node = node

    @property
    def cursor(self) -> str:
        """The cursor."""
        return self._page.cursor(self.node)
