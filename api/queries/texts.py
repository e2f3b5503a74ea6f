"""Texts that questions are narrowed by: never longer than what they are compared with, and always storable."""

from api.errors import BadArgument

MAX_CHARS = 512


def text_of(given: str | None, what: str) -> str | None:
    """Return `given`. Raises `BadArgument` if nothing that is stored can equal it."""
    if given is not None and (len(given) > MAX_CHARS or not given.isprintable()):
        raise BadArgument(
            f"`{what}` is longer than {MAX_CHARS} characters, or holds some that cannot be printed."
        )
    return given
