"""Payloads on the command line: text as text, other bytes so that nothing of them is lost."""

import sys
from base64 import b64encode

from tidelock.cli import show


def written(payload: bytes) -> tuple[str, str]:
    """Return a payload as text, and how it is written: `utf-8`, or `base64` if it is no text."""
    try:
        return payload.decode(), "utf-8"
    except UnicodeDecodeError:
        return b64encode(payload).decode(), "base64"


def sketched(payload: bytes) -> str:
    """Return a payload for a cell: readable, but not for reading back; bytes that are no text as \\x.."""
    return payload.decode(errors="backslashreplace")


def put_out(payload: bytes) -> None:
    """Write a payload to standard output and flush it: the bytes themselves, unless that is a terminal.

    A newline follows text. Other bytes get none, so that a file has what was put; a terminal gets them as base64.
    """
    text, encoding = written(payload)
    if sys.stdout.isatty():
        show.say(text)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(payload if encoding == "base64" else payload + b"\n")
    sys.stdout.buffer.flush()
