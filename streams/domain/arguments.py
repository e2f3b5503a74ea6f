"""Refusing an argument, and naming a shard: the same words for every kind. Standard library only."""

from typing import Final

from streams.domain.decider import Rejected

SHOWN: Final = 100
"""Characters of what was given that a refusal repeats: an answer must not be as large as its command."""
MAX_NAME: Final = 256
"""Characters of a name within a resource."""


def bad_argument(field: str, rule: str, given: object) -> Rejected:
    """An argument out of bounds."""
    shown = repr(given[:SHOWN] if isinstance(given, str) else given)[:SHOWN]
    return Rejected("BAD_ARGUMENT", f"{field} {rule}; it is {shown}", (("field", field),))


def within(field: str, given: int, least: int, most: int) -> Rejected | None:
    """Return why `given` is out of bounds, or None."""
    return None if least <= given <= most else bad_argument(field, f"must be {least} to {most}", given)


def refuse_text(field: str, text: str, most: int = MAX_NAME) -> Rejected | None:
    """Return why `text` cannot be a name, or None."""
    if 1 <= len(text) <= most and text.isprintable():
        return None
    return bad_argument(field, f"must have 1 to {most} printable characters", text)


def shard_name(name: str, shard: int) -> str:
    """Return the name by which a shard of a resource is placed: of shard 0 the resource's own."""
    return name if shard == 0 else f"{name}#{shard}"
