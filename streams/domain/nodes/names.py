"""What the aggregates of the kind and the sessions of nodes are called. Standard library only."""

from base64 import b32encode
from hashlib import sha256
from typing import Final

PLATFORM: Final = "tidelock.platform"
"""The label by which the platform's own processes say that they are its; without the role SYSTEM it says nothing."""
BRAKE: Final = "brake"
"""The name of the tenant's brake."""
SEAL: Final = 7
"""Letters of a session's seal: with the longest name and token it still fits a command's meta."""
SERVICE: Final = "service:"
"""What the name of every service's key begins with. A node's key is its name, which has no colon."""


def name_of(key: str) -> str:
    """Return the name in the engine's key `tenant/name`."""
    return key.partition("/")[2]


def session_of(node: str, token: int, principal: str) -> str:
    """Return the session that the registration `token` began: `node:token.seal`.

    The seal is of the principal that registered, so that any partition can tell, knowing nothing of the node, whether
    a session may be another principal's. It is no secret: whoever makes one up names a session that never was.
    """
    text = f"{node}:{token}"
    digest = sha256(f"{text}:{principal}".encode()).digest()
    return f"{text}.{b32encode(digest).decode()[:SEAL].lower()}"


def is_sealed_for(session: str, principal: str) -> bool:
    """Say whether the session, if it was ever issued, was to this principal."""
    return session == session_of(node_of(session), token_of(session), principal)


def node_of(session: str) -> str:
    """Return the node of a session."""
    return session.rpartition(":")[0]


def token_of(session: str) -> int:
    """Return the token of the registration that began the session; 0: the text is no session."""
    node, _, number = session.rpartition(":")
    digits = number.partition(".")[0]
    return int(digits) if node and digits.isascii() and digits.isdecimal() else 0
