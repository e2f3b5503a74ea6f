"""What clients write down of what they did and saw. Standard library only."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["READ", "WRITE", "DELETE"]
NOTHING: Final = 0
"""The version, and the fingerprint, of an entry that is not there."""


@dataclass(slots=True)
class Operation:
    """One operation of one client on one entry."""

    client: str
    clock: str
    """Whose counts `began` and `ended` are."""
    key: str
    """Of the cache's shard, as the log has it (`tenant/name`, `tenant/name#1`)."""
    entry: str
    kind: Kind
    began: int
    ended: int = 0
    """0: it had no answer."""
    version: int = NOTHING
    """That was read or written; `NOTHING`: there was none, or it is of a write of unknown outcome."""
    local: int = 0
    """Writes to the client's Modified line since `version`, this one included; 0: none."""
    value: int = NOTHING
    """Fingerprint of what was read or written."""
    grant: int = 0
    """Of a read that the directory answered with an event: its token, which is the line's; 0: unknown, or a hit."""
    hit: bool = False
    """It needed no round trip."""

    def __str__(self) -> str:
        """Say who did what to which entry."""
        what = f"version {self.version}" if self.version else "nothing"
        if self.local:
            what += f" with local write {self.local}"
        how = ", a hit" if self.hit else ""
        return f"{self.client}: {self.kind} of {self.entry!r} ({what}; {self.began} to {self.ended}{how})"


def fingerprint(value: bytes | None) -> int:
    """Return 64 bits that tell values apart; `NOTHING` of None."""
    if value is None:
        return NOTHING
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "big") or 1
