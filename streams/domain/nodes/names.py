"""What the aggregates of the kind and the sessions of nodes are called. Standard library only."""

from typing import Final

PLATFORM: Final = "tidelock.platform"
"""The label by which the platform's own processes say that they are its; without the role SYSTEM it says nothing."""
BRAKE: Final = "brake"
"""The name of the tenant's brake."""
SERVICE: Final = "service:"
"""What the name of every service's key begins with. A node's key is its name, which has no colon."""


def name_of(key: str) -> str:
    """Return the name in the engine's key `tenant/name`."""
    return key.partition("/")[2]


def session_of(node: str, token: int) -> str:
    """Return the session that the registration `token` began."""
    return f"{node}:{token}"


def node_of(session: str) -> str:
    """Return the node of a session."""
    return session.rpartition(":")[0]


def token_of(session: str) -> int:
    """Return the token of the registration that began the session; 0: the text is no session."""
    node, _, digits = session.rpartition(":")
    return int(digits) if node and digits.isascii() and digits.isdecimal() else 0
