"""Refusing an argument: the same words for every kind. Standard library only."""

from typing import Final

from streams.domain.decider import Rejected

SHOWN: Final = 100
"""Characters of what was given that a refusal repeats: an answer must not be as large as its command."""


def bad_argument(field: str, rule: str, given: object) -> Rejected:
    """An argument out of bounds."""
    shown = repr(given[:SHOWN] if isinstance(given, str) else given)[:SHOWN]
    return Rejected("BAD_ARGUMENT", f"{field} {rule}; it is {shown}", (("field", field),))


def within(field: str, given: int, least: int, most: int) -> Rejected | None:
    """Return why `given` is out of bounds, or None."""
    return None if least <= given <= most else bad_argument(field, f"must be {least} to {most}", given)
