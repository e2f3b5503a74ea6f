"""The Redis tier of caches: what its keys and records look like, to the process that follows the log and to clients.

Everything of one partition of the log has one hash tag, so a script of one step, and one node of a cluster, has it all:

* the mark, a hash: where the process stands in the log (`at`, `checkpoint`, `log`), the token up to which nothing is
  believed (`since`), and `STAMPS` fields that say when something last changed, each for many entries;
* the sign, which is there for `STALE_MS` after the process was at the log's end;
* the copies, each with its version and the token of the grant under which it was read.

Tokens are written with 20 digits, so that Lua compares them as text: its numbers have 53 bits.
"""

from typing import Final
from zlib import crc32

from streams.domain.value import value

STALE_MS: Final = 5_000
"""Without the process at the log's end for so long, nobody is shown a copy: the most that one is behind."""
STAMPS: Final = 4_096
_DIGITS: Final = 20


@value
class Names:
    """The names of one partition's keys."""

    mark: str
    sign: str
    copies: str
    """What the names of copies begin with."""

    def copy(self, key: str, entry: str) -> str:
        """Return the name of the copy of an entry. Keys have no line breaks, so no two are alike."""
        return f"{self.copies}{key}\n{entry}"


def names(namespace: str, partition: int) -> Names:
    """Return the names of a partition. Clusters that share a Redis are told apart by `namespace`."""
    tag = f"{{{namespace}:caches/{partition}}}"
    return Names(f"{tag}:mark", f"{tag}:sign", f"{tag}=")


def stamp(key: str, entry: str) -> str:
    """Return the field of the mark that tells of changes of the entry, and of about one in 4,096 others."""
    return str(crc32(f"{key}\n{entry}".encode()) % STAMPS)


def token_text(token: int) -> str:
    """Return a token as text that sorts as tokens do."""
    return f"{token:0{_DIGITS}d}"


def pack(version: int, granted: int, content: bytes) -> bytes:
    """Return the record of a copy."""
    return f"{token_text(version)}{token_text(granted)}".encode() + content


def unpack(record: bytes) -> tuple[int, bytes]:
    """Return version and content of a record. Raises `ValueError` if it is none."""
    if len(record) < 2 * _DIGITS:
        raise ValueError(f"a copy has {2 * _DIGITS} bytes at least, this has {len(record)}")
    return int(record[:_DIGITS]), record[2 * _DIGITS :]
