"""Who asks. One small port; until identity exists, a development token fixes tenant and principal."""

from dataclasses import field
from hmac import compare_digest
from typing import Protocol

from api.errors import NotAuthenticated
from streams.domain.roles import Role
from streams.domain.value import value


@value
class Identity:
    """Who asks: every question is for this tenant, every lock is held by this principal."""

    tenant: str
    principal: str
    token: str = field(repr=False)
    """What the caller showed; mutations show it to the workers."""
    roles: tuple[Role, ...] = ()
    """What it may do here beyond what every caller of its tenant may. Workers know for themselves what it may there."""


class Authenticator(Protocol):
    """Tells who a bearer token speaks for."""

    def identify(self, token: str) -> Identity:
        """Return whose token it is. Raises `NotAuthenticated`."""


class DevelopmentToken:
    """One token for one tenant and principal, and perhaps the one of who runs the platform, for the same tenant."""

    def __init__(
        self,
        token: str,
        tenant: str,
        principal: str,
        operator: str | None = None,
        roles: tuple[Role, ...] = (),
    ) -> None:
        """`roles`: of the one token, beside the operator's."""
        self._known = [Identity(tenant, principal, token, roles)]
        if operator is not None:
            self._known.append(Identity(tenant, "operator", operator, ("OPERATOR", "PLATFORM")))

    def identify(self, token: str) -> Identity:
        """Return whose token it is. Raises `NotAuthenticated`."""
        shown = token.encode("utf-8", "surrogatepass")
        for identity in self._known:
            if compare_digest(shown, identity.token.encode()):
                return identity
        raise NotAuthenticated("The token is not valid here. Check TIDELOCK_DEV_TOKEN.")


def bearer(header: str | None) -> str:
    """Return the token of an Authorization header. Raises `NotAuthenticated`."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("No token came with the request. Send the header Authorization: Bearer TOKEN.")
    return token.strip()
