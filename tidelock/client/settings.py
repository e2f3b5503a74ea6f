"""What a caller may set, with defaults that suit most."""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from streams.catalog import KINDS
from streams.domain.kind import KindSpec
from streams.wire.messages import Answers
from tidelock.client.errors import BadArgument, ConnectionLost
from tidelock.client.link import split_address
from tidelock.client.nodes.node import Node

DEFAULT_WORKERS = "127.0.0.1:7400"
MAX_TIMEOUT_S = 300.0
"""A command's deadline may lie 5 minutes after its issue, no more."""


MAX_CLIENT_ID_LENGTH = 128
MAX_FIRST_SEQUENCE = 2**62

Tap: TypeAlias = Callable[[str, Answers], None]
"""Gets the client's id and each frame of answers and pushes as it comes off the wire."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one client connects and how patient it is. Times in seconds."""

    addresses: tuple[str, ...]
    token: Callable[[], str]
    """Asked at every connect, so that short-lived tokens can be refreshed."""
    tls: ssl.SSLContext | None = None
    timeout_s: float = 60.0
    """How long a command is tried before it fails."""
    connect_timeout_s: float = 5.0
    """For one attempt at one address."""
    stall_s: float = 10.0
    """A connection from which nothing came for so long while commands were open is dropped and made anew."""
    probe_s: float = 4.0
    """How long a partition may be silent while the client waits there for a push only."""
    first_backoff_s: float = 0.05
    last_backoff_s: float = 2.0
    client_id: str | None = None
    """Speak as this client, which has ended; None: as a new one."""
    first_sequence: int = 1
    """Where to count from. Above 1 the floor stays at 1, so that no answer to an earlier client is forgotten."""
    on_answers: Tap | None = None
    """Told of every frame of answers before the client takes it. It must not raise and not take long."""
    kinds: tuple[KindSpec, ...] = KINDS
    """Whose commands may be sent."""
    node: Node | None = None
    """Which node this client is."""


def addresses_of(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return `addresses`, or those of TIDELOCK_WORKERS (comma-separated), checked. Raises `BadArgument`."""
    found = addresses or tuple(
        part.strip()
        for part in os.environ.get("TIDELOCK_WORKERS", DEFAULT_WORKERS).split(",")
        if part.strip()
    )
    if not found:
        raise BadArgument(
            "TIDELOCK_WORKERS is set but names no worker. Write host:port, separated by commas."
        )
    for address in found:
        split_address(address)
    return tuple(dict.fromkeys(found))


def token_of(token: str | Callable[[], str] | None) -> Callable[[], str]:
    """Return what gives the token: the caller's, or TIDELOCK_TOKEN. Raises `BadArgument`."""
    if token is None:
        token = os.environ.get("TIDELOCK_TOKEN", "")
    if callable(token):
        return token
    fixed = _checked(token)
    return lambda: fixed


def ask_token(token: Callable[[], str]) -> str:
    """Return the token of now. Raises `ConnectionLost` if the caller's own callback fails: it is asked again later."""
    try:
        return _checked(token())
    except Exception as error:
        raise ConnectionLost(
            f"The callback that gives the token failed ({error!r:.200}). It is asked again at the next attempt."
        ) from error


def _checked(token: str) -> str:
    if not isinstance(token, str) or not token.isprintable():
        raise BadArgument("The token is no printable text. Give the token itself, or what returns it.")
    return token


def check_timeout(timeout_s: float) -> float:
    """Return `timeout_s` if a command may have it. Raises `BadArgument`."""
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise BadArgument(f"A timeout of {timeout_s} s is out of range. Choose up to {MAX_TIMEOUT_S:.0f} s.")
    return timeout_s


def check_identity(client_id: str | None, first_sequence: int) -> None:
    """Raise `BadArgument` if no client can have this id or count from there."""
    if client_id is not None and not 0 < len(client_id) <= MAX_CLIENT_ID_LENGTH:
        raise BadArgument(f"A client id has 1 to {MAX_CLIENT_ID_LENGTH} characters, not {len(client_id)}.")
    if client_id is not None and not client_id.isprintable():
        raise BadArgument(f"The client id {client_id!r} holds characters that cannot be printed.")
    if not 0 < first_sequence <= MAX_FIRST_SEQUENCE:
        raise BadArgument(f"first_sequence {first_sequence} is out of range. Choose 1 to 2**62.")
