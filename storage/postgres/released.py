"""This release's migrations: SQL files in order, and what their heads say of them.

    -- compatible-from: 9       a program whose last migration is 0009 or later goes on with what this one leaves
    -- instead-of: SHA-256      an earlier text of this file, which came to the same

Without the first, programs of before a migration do not start once it is applied. A file that makes an index
`CONCURRENTLY` is applied statement by statement, each of which may be repeated, since PostgreSQL does not take that in
a transaction; any other is applied in one.
"""

import re
from hashlib import sha256
from importlib.resources import files
from typing import Final

from streams.domain.value import value

_COMPATIBLE_FROM: Final = re.compile(r"^-- compatible-from: (\d+)$", re.MULTILINE)
_INSTEAD_OF: Final = re.compile(r"^-- instead-of: ([0-9a-f]{64})$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)
_INDEX: Final = re.compile(r" INDEX CONCURRENTLY IF NOT EXISTS (\w+) ")
_END: Final = re.compile(r";[ ]*(?:\n|\Z)")


@value
class Migration:
    """One SQL file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """What tells whether it was changed."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def same(self) -> frozenset[str]:
        """The SHA-256 of texts that came to the same: its own, and earlier ones."""
        return frozenset({self.sha256, *_INSTEAD_OF.findall(self.text)})

    @property
    def compatible_from(self) -> int:
        """The last migration that a program knows at least which goes on with what this one leaves."""
        found = _COMPATIBLE_FROM.search(self.text)
        return self.number if found is None else int(found[1])

    @property
    def steps(self) -> tuple[str, ...]:
        """What is applied by itself, one after the other; none: all of it in one transaction."""
        if " INDEX CONCURRENTLY " not in self.text:
            return ()
        return tuple([one for one in _END.split(_COMMENT.sub("", self.text)) if one.strip()])

    @property
    def indexes(self) -> tuple[str, ...]:
        """What its steps make."""
        return tuple(_INDEX.findall(self.text))


def released() -> tuple[Migration, ...]:
    """Return this release's migrations in order. Raises `ValueError` if the numbers are not 1, 2, 3 ..."""
    folder = files("storage.postgres") / "migrations"
    found = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    migrations = tuple(
        Migration(int(name[:4]), name.removesuffix(".sql"), (folder / name).read_text("utf-8"))
        for name in found
    )
    if [each.number for each in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"Migrations must be numbered 0001, 0002 ... without a gap; there are {found}.")
    return migrations
