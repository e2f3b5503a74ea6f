"""How messages and receipts are written for people and other programs.

Message: `<shard>.<incarnation>.<number>`. Receipt: `<shard>.<number>.<token>`.
"""

from streams.domain.value import value
from tidelock.client.errors import BadArgument


@value
class MessageId:
    """One message of a queue. The incarnation tells it from those of a queue of the same name before."""

    shard: int
    incarnation: int
    number: int

    def __str__(self) -> str:
        return f"{self.shard}.{self.incarnation}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> "MessageId":
        """Return the id that `text` names. Raises `BadArgument`."""
        return cls(*_numbers(text, "message id", "<shard>.<incarnation>.<number>"))


@value
class ReceiptId:
    """One delivery of one message."""

    shard: int
    number: int
    token: int

    def __str__(self) -> str:
        return f"{self.shard}.{self.number}.{self.token}"

    @classmethod
    def parse(cls, text: str) -> "ReceiptId":
        """Return the receipt that `text` names. Raises `BadArgument`."""
        return cls(*_numbers(text, "receipt", "<shard>.<number>.<token>"))


def _numbers(text: str, what: str, form: str) -> tuple[int, int, int]:
    parts = text.split(".") if isinstance(text, str) and len(text) <= 64 else []
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise BadArgument(f"{str(text)!r:.80} is no {what}. Give {form} as it was told.")
    first, second, third = map(int, parts)
    if first >= 64 or max(second, third) >= 2**63:
        raise BadArgument(f"{text!r} is no {what}: a number in it is too large. Give it as it was told.")
    return first, second, third
