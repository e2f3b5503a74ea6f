"""Cursors: where a subscriber stands in the partitions it watches, sealed so that nobody makes one up.

A *place* (offset, index) says what comes next: event number `index` of the commit at `offset`, or whatever is later.
Places compare as tuples. A cursor is the base64url of

    version | count | (partition, offset * 2 + (index > 0), [index]) ... | MAC

with varints, and a keyed BLAKE2b over the tenant, the kind, the places and, of each partition that is not at its
beginning, the log's identity (id, generation, partition count): a cursor of another tenant, log or generation is none.
All API nodes of one log read each other's cursors, if they share the key.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import TypeAlias

from api.errors import BadCursor
from schemas.varints import read_varint, write_varint
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.log.records import Genesis

Place: TypeAlias = tuple[int, int]
Places: TypeAlias = Mapping[PartitionId, Place]

VERSION = 1
MAC_BYTES = 12
MAX_CHARS = 24_000
"""Of a cursor over 1,024 partitions at the ends of very long logs."""
BEGIN: Place = (0, 0)


@value
class Claimed:
    """What a cursor claims."""

    places: dict[PartitionId, Place]
    body: bytes
    mac: bytes


class CursorCodec:
    """Seals places and opens cursors of one kind."""

    def __init__(self, kind: str, key: bytes, genesis_of: Callable[[PartitionId], Genesis | None]) -> None:
        self._kind = kind
        self._key = blake2b(key, digest_size=32, person=b"tidelock-cursor").digest()
        self._genesis_of = genesis_of
        self._identities: dict[PartitionId, bytes] = {}

    def seal(self, tenant: str, places: Places) -> str:
        """Return the cursor of `places` for `tenant`."""
        body = bytearray((VERSION,))
        body += write_varint(len(places))
        for where, (offset, index) in places.items():
            body += write_varint(where.partition) + write_varint(offset << 1 | (index > 0))
            if index:
                body += write_varint(index)
        body += self._mac(tenant, bytes(body), places)
        return urlsafe_b64encode(body).rstrip(b"=").decode()

    def read(self, cursor: str) -> Claimed:
        """Return what `cursor` claims, to be held against its seal. Raises `BadCursor`."""
        try:
            data = _bytes_of(cursor)
            body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
            return Claimed(self._places(body), body, mac)
        except (ValueError, IndexError, NoBase64, UnicodeEncodeError) as error:
            raise BadCursor(
                "`after` is no cursor: it was cut off or made up. Give one as an item of this subscription had it."
            ) from error

    def check(self, tenant: str, claimed: Claimed) -> dict[PartitionId, Place]:
        """Return the places that are claimed; the beginnings of their logs must be known. Raises `BadCursor`."""
        if not compare_digest(claimed.mac, self._mac(tenant, claimed.body, claimed.places)):
            raise BadCursor(
                "`after` is no cursor of yours in this log: it was changed, or it is of another tenant, log or "
                "generation. Give one as an item of this subscription had it, or subscribe without."
            )
        return claimed.places

    def _places(self, body: bytes) -> dict[PartitionId, Place]:
        if body[0] != VERSION:
            raise ValueError("another version")
        count, at = read_varint(body, 1)
        places: dict[PartitionId, Place] = {}
        for _ in range(count):
            partition, at = read_varint(body, at)
            offset, at = read_varint(body, at)
            index = 0
            if offset & 1:
                index, at = read_varint(body, at)
            places[PartitionId(self._kind, partition)] = (offset >> 1, index)
        if at != len(body) or len(places) != count or not places:
            raise ValueError("bytes are left, or repeated")
        return places

    def _mac(self, tenant: str, body: bytes, places: Places) -> bytes:
        mac = blake2b(body, key=self._key, digest_size=MAC_BYTES)
        for where, place in places.items():
            if place > BEGIN:
                mac.update(self._identity(where))
        mac.update(f"{self._kind}/{tenant}".encode())
        return mac.digest()

    def _identity(self, where: PartitionId) -> bytes:
        known = self._identities.get(where)
        if known is not None:
            return known
        genesis = self._genesis_of(where)
        if genesis is None:
            return b""
        text = f"{genesis.log_id.hex()} {genesis.generation} {genesis.partition} {genesis.partitions}"
        identity = self._identities[where] = blake2b(text.encode(), digest_size=8).digest()
        return identity


def _bytes_of(cursor: str) -> bytes:
    if len(cursor) > MAX_CHARS or len(cursor) % 4 == 1:
        raise ValueError("no cursor has such a length")
    data = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    if urlsafe_b64encode(data).rstrip(b"=").decode() != cursor:
        raise ValueError("not the one spelling of its bytes")
    return data
