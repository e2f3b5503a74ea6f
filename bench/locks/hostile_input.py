"""Hostile input, piece by piece: what a careless or an evil client may send instead of a command."""

import random
from struct import pack

from schemas.messages import bind
from schemas.meta import CommandMeta
from schemas.varints import write_varint
from streams.domain.locks.commands import EXCLUSIVE, AbortWait, AcquireLock, ReleaseLock
from streams.domain.locks.events import LockReleased
from streams.wire.frames import MAX_FRAME_BYTES, PROTOCOL, frame
from streams.wire.messages import Barrier, Hello

_COMMANDS = bind("locks", (AcquireLock, ReleaseLock, AbortWait)) | bind("wire", (Barrier,))
_OTHERS = bind("locks", (LockReleased,)) | bind("wire", (Hello,))
_META = CommandMeta(0, "dev", "bench", 1, "", 1_700_000_000_000, 1_700_000_060_000)
_MANY = 20_000_000
_LARGEST = 400 * 1024
_noise = random.Random(7)  # the same bytes in every run


def client_hello() -> bytes:
    """Return a hello that is welcome."""
    return _OTHERS.encode(Hello(PROTOCOL, "dev", "bench"))


def _command(meta: CommandMeta, command: object) -> bytes:
    return _COMMANDS.encode_command(meta, command)


def _meta(tenant: str = "dev", client: str = "bench", handle: str = "") -> CommandMeta:
    return CommandMeta(0, tenant, client, 1, handle, _META.issued_ms, _META.deadline_ms)


def _array_of(count: int, rest: bytes) -> bytes:
    """Return an AbortWait whose cycle claims `count` edges and is followed by `rest`."""
    empty = _command(_META, AbortWait("orders/42", 1, ()))
    return empty[:-1] + write_varint(count << 1) + rest


VALID = _command(_META, AcquireLock("orders/42", EXCLUSIVE, 30_000))
_EDGE = b"\0\0\0\0\0"

CASES: dict[str, bytes | None] = {
    "nothing at all": None,
    "empty": b"",
    "truncated": VALID[:-3],
    "header only": VALID[:10],
    "wrong fingerprint": VALID[:2] + bytes(8) + VALID[10:],
    "an event, no command": _OTHERS.encode(LockReleased(1)),
    "a hello, no command": client_hello(),
    "trailing bytes": VALID + bytes(_LARGEST - len(VALID)),
    "array of 20 million, no items": _array_of(_MANY, b""),
    "array of 20 million, 400 KB of items": _array_of(_MANY, _EDGE * ((_LARGEST - 200) // len(_EDGE))),
    "array of 80,000 real items": _array_of(80_000, _EDGE * 80_000 + b"\0"),
    "array in 66,000 blocks of one": _array_of(1, (_EDGE + b"\2") * 66_000),
    "array of negative count and false size": _array_of(1, b"")[:-1]
    + write_varint(3)
    + b"\xfe\xff\xff\xff\x0f",
    "400 KB that nest as deep as they can": VALID[:10] + b"\2" * (_LARGEST - 10),
    "varints without end": VALID[:10] + b"\xff" * (_LARGEST - 10),
    "name of 390 KB": _command(_META, ReleaseLock("n" * 390_000, 1)),
    "name of 10 MB": _command(_META, ReleaseLock("n" * 10_000_000, 1)),
    "name that claims 10 MB": VALID[:10] + write_varint(0) + write_varint(10_000_000 << 1) + b"n" * 1000,
    "name that cannot be printed": _command(_META, ReleaseLock("\0" * 500, 1)),
    "client of 390 KB": _command(_meta(client="c" * 390_000), ReleaseLock("orders/42", 1)),
    "handle of 390 KB": _command(_meta(handle="h" * 390_000), ReleaseLock("orders/42", 1)),
    "wrong tenant of 390 KB": _command(_meta(tenant="t" * 390_000), ReleaseLock("orders/42", 1)),
    "wrong partition": _command(_META, ReleaseLock("orders/43", 1)),
    "partition that does not exist": _command(_META, Barrier("locks", 1_000_000)),
    "1 MiB of noise": _noise.randbytes(1024 * 1024),
    "400 KB of noise behind a good header": VALID[:10] + _noise.randbytes(_LARGEST - 10),
}
"""Records, sent as a frame on the direct lane and as a Kafka record on the topic lane."""

_WHOLE = frame(bytes(MAX_FRAME_BYTES))

STREAMS: dict[str, list[bytes]] = {
    "frame that claims 4 GB": [pack(">I", 2**32 - 1)],
    "64 KiB of empty frames": [bytes(65_536)],
    "1 MiB of noise instead of frames": [_noise.randbytes(1024 * 1024)],
}
"""Bytes as they arrive on a connection, read by read, after a good hello."""

DRIPS: dict[str, list[bytes]] = {
    f"largest frame in pieces of {size} bytes": [_WHOLE[at : at + size] for at in range(0, len(_WHOLE), size)]
    for size in (1024, 64)
}
"""One frame in many small reads; counted as a whole, because each read sees all that came before it."""
