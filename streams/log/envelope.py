"""The four envelope records in and out of their stored bytes.

An owner writes its commits from rows: each decision is encoded once, when it is made, with its command's meta as it
came over the wire. Same bytes as encoding `Commit` by its schema, as far as the producer wrote its numbers in as few
bytes as they take; a property test holds the two together.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from schemas.catalogue import HEADER
from schemas.codec import SchemaError
from schemas.messages import Messages, bind
from schemas.meta import CommandMeta
from schemas.varints import BYTE, write_varint
from streams.log.records import Claim, Commit, FeatureActivated, Genesis, Lane, LoggedDecision, Record

_LANES = {lane: BYTE[index * 2] for index, lane in enumerate(("DIRECT", "TOPIC", "TIMER", "ENGINE"))}
_BOOLEANS = {False: BYTE[0], True: BYTE[1]}
_END = BYTE[0]


@cache
def _records() -> Messages:
    return bind("log", (Genesis, Claim, Commit, FeatureActivated))


@cache
def _meta() -> Messages:
    return bind("wire", (CommandMeta,))


def encode(record: Record) -> bytes:
    """Return the stored value bytes of `record`."""
    return _records().encode(record)


def decode(stored: bytes | None) -> Record | None:
    """Return the record that `stored` holds, or None when it is none of the four (void for every reader)."""
    if stored is None:
        return None
    try:
        record: Any = _records().decode(stored)
    except SchemaError:
        return None
    return record  # type: ignore[no-any-return]


def encode_meta(meta: CommandMeta) -> bytes:
    """Return `meta` as it stands inside a command."""
    return _meta().encode(meta)[HEADER:]


def encode_row(decision: LoggedDecision, meta: bytes) -> bytes:
    """Return `decision` as it stands inside a commit; `meta` is `decision.meta`, encoded."""
    key, reply, events = decision.key.encode(), decision.reply, decision.events
    parts = [
        _asked(decision.lane, decision.principal), meta, write_varint(len(decision.hash) << 1), decision.hash,
        _text(decision.command), write_varint(len(key) << 1), key, _BOOLEANS[decision.waiting],
    ]  # fmt: skip
    if events:
        parts.append(write_varint(len(events) << 1))
        for event in events:
            parts += (write_varint(len(event) << 1), event)
    parts += (_END, write_varint(len(reply) << 1), reply)
    return b"".join(parts)


def encode_commit(commit: Commit, rows: Sequence[bytes]) -> bytes:
    """Return the stored value bytes of `commit`, whose decisions are `rows`, encoded."""
    whole = _records().encode(commit)
    if rows:
        whole = b"".join((whole[:-1], write_varint(len(rows) << 1), *rows, _END))
    return whole


@lru_cache(maxsize=1024)
def _text(text: str) -> bytes:
    data = text.encode()
    return write_varint(len(data) << 1) + data


@lru_cache(maxsize=1024)
def _asked(lane: Lane, principal: str) -> bytes:
    return _LANES[lane] + _text(principal)
