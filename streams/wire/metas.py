"""Whether what a command says of itself and its sender is well formed: the same where it is taken in and asked anew."""

from typing import Final

from schemas.meta import CommandMeta
from streams.domain.decider import Rejected

MAX_LABEL: Final = 128
"""Characters of a label: client, handle, session, trace."""


def meta_problem(meta: CommandMeta, tenant: str) -> Rejected | None:
    """Return why a command with `meta` from somebody of `tenant` is refused; None: it is well formed."""
    if meta.tenant != tenant:
        return Rejected(
            "WRONG_TENANT",
            f"The command names tenant '{meta.tenant[:MAX_LABEL]}', which is not the caller's. Use your own.",
        )
    if not meta.client:
        return Rejected("BAD_META", "meta.client is empty. Give every running client its own id.")
    if meta.sequence < 0 or meta.floor > meta.sequence:
        return Rejected(
            "BAD_META", "meta.sequence must be at least 0 and at least meta.floor. Count up from 0."
        )
    if meta.traceparent is meta.session is None and _is_label(meta.client) and _is_label(meta.handle):
        return None
    for label in ("client", "handle", "session", "traceparent"):
        if not _is_label(getattr(meta, label) or ""):
            return Rejected(
                "BAD_META",
                f"meta.{label} must be printable and have up to {MAX_LABEL} characters. Use another one.",
            )
    return None


def _is_label(text: str) -> bool:
    return len(text) <= MAX_LABEL and text.isprintable()
