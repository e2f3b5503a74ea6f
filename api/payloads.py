"""Payloads as they are shown: base64, and text where they are text. One answer holds a bounded amount of them."""

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from codecs import getincrementaldecoder

import strawberry

from api.errors import BadArgument
from tidelock.client import errors as client

SHOWN_BYTES = 4_096
"""Of a payload, unless more are asked for."""
MAX_BYTES = 131_072
"""As much as a message may have."""
ANSWER_BYTES = 2 * 1024 * 1024
"""Of all payloads of one answer: what comes later is cut shorter, and says so."""


class PayloadRoom:
    """How many bytes of payloads one answer still has room for."""

    def __init__(self, left: int = ANSWER_BYTES) -> None:
        self._left = left

    def take(self, wanted: int) -> int:
        """Return how many of these bytes may be shown."""
        taken = min(wanted, self._left)
        self._left -= taken
        return taken


@strawberry.type(description="What is in a message, or the value of a cache's entry.")
class Payload:
    """A payload, or its beginning."""

    size: int = strawberry.field(description="Bytes of the whole payload.")
    base64: str
    text: str | None = strawberry.field(description="The same, if it is UTF-8.")
    cut: bool = strawberry.field(
        description="Whether this is the beginning only: ask for more `maxBytes` (up to 131,072), of fewer."
    )


def payload_of(data: bytes, max_bytes: int, room: PayloadRoom) -> Payload:
    """Return at most `max_bytes` of a payload. Raises `BadArgument`."""
    if not 0 <= max_bytes <= MAX_BYTES:
        raise BadArgument(f"`maxBytes` is {max_bytes}. Choose 0 to {MAX_BYTES:,}.")
    shown = data[: room.take(min(len(data), max_bytes))]
    cut = len(shown) < len(data)
    return Payload(size=len(data), base64=b64encode(shown).decode(), text=_text(shown, cut), cut=cut)


def _text(shown: bytes, cut: bool) -> str | None:
    """Return text; of what is cut within a character, all before it."""
    try:
        return getincrementaldecoder("utf-8")().decode(shown, final=not cut)
    except UnicodeDecodeError:
        return None


def bytes_of(text: str | None, base64: str | None, what: str) -> bytes:
    """Return what was given, in one way or the other. Raises the client's `BadArgument`: a refusal is data."""
    if (text is None) == (base64 is None):
        raise client.BadArgument(f"{what} has either `text` or `base64`. Give one of them.")
    try:
        return b64decode(base64 or "", validate=True) if text is None else text.encode()
    except UnicodeEncodeError as error:
        raise client.BadArgument("`text` holds what no UTF-8 can express. Give `base64`.") from error
    except (NoBase64, ValueError) as error:
        raise client.BadArgument(
            f"`base64` is none ({error}). Give the standard alphabet, padded."
        ) from error
