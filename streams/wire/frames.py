"""Frames of the direct lane: four bytes of length (big endian), then one single-object Avro record."""

from struct import Struct

_LENGTH = Struct(">I")
MAX_FRAME_BYTES = 512 * 1024
"""Largest frame either side accepts; a command may hold 400 KiB."""
PROTOCOL = 1
"""What both sides must speak: a client says it in its hello, and is hung up on if it is another."""
TELLS = 2
"""Since then workers take `Told`."""
UNDERSTOOD = TELLS
"""What a worker of this release says in its welcome: all up to here. Clients send nothing later than that to it."""


class FrameTooLarge(Exception):
    """The peer announced a frame beyond the limit; the connection cannot be read on and must close."""

    code = "FRAME_TOO_LARGE"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"A frame of {size} bytes was announced, the limit is {limit}. Send smaller commands."
        )
        self.size = size
        self.limit = limit


def frame(record: bytes) -> bytes:
    """Return `record` with its length before it."""
    return _LENGTH.pack(len(record)) + record


class FrameSplitter:
    """Cuts a byte stream into records. Holds at most one unfinished frame."""

    __slots__ = ("_buffer", "_needed", "limit")

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._buffer = bytearray()
        self._needed = 0
        self.limit = limit
        """Largest record, in bytes."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the records that `data` completes. Raises `FrameTooLarge`."""
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        self._needed = 0
        records = []
        position, end = 0, len(data)
        while end - position >= 4:
            (size,) = _LENGTH.unpack_from(data, position)
            if size > self.limit:
                raise FrameTooLarge(size, self.limit)
            if end - position - 4 < size:
                self._needed = size + 4
                break
            records.append(data[position + 4 : position + 4 + size])
            position += 4 + size
        if position < end:
            self._buffer += data[position:]
        return records
