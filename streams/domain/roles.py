"""Who may send what: a role is what a token grants beyond being a client of its tenant. Standard library only.

OPERATOR    runs what is one tenant's: evicts and drains nodes, works the brake, redrives and purges dead letters
PLATFORM    runs what all tenants share: has their read models emptied and built anew
SYSTEM      is a process of the platform: ends sessions and waits, settles what it moved
"""

from typing import Final, Literal, TypeAlias

from streams.domain.decider import Rejected

Role: TypeAlias = Literal["OPERATOR", "PLATFORM", "SYSTEM"]

_TOKENS: Final[dict[Role, str]] = {
    "OPERATOR": "TIDELOCK_OPERATOR_TOKEN",
    "PLATFORM": "TIDELOCK_OPERATOR_TOKEN",
    "SYSTEM": "TIDELOCK_SYSTEM_TOKEN",
}


def forbidden(command: type, roles: tuple[Role, ...], whose: str = "") -> Rejected:
    """Return the refusal of a command that takes one of `roles`. `whose`: about whom it is, if that is why."""
    needed = " or ".join(roles)
    tokens = " or ".join(_TOKENS[role] for role in roles)
    return Rejected(
        "FORBIDDEN",
        f"{command.__name__}{whose} takes the role {needed}, which this token does not have. Send it over the direct "
        f"lane, with the token that the workers know as {tokens}.",
        (("roles", ",".join(roles)),),
    )
