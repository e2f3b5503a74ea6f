"""Text in rows."""


def storable(text: str) -> str:
    """Return what somebody wrote as a database takes it: without NUL."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def storable_or_none(text: str | None) -> str | None:
    """Return the same, or None."""
    return None if text is None else storable(text)
