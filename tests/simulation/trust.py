"""Exclusion as clients trust it: design section 4's rule, judged at true virtual time."""

from collections.abc import Callable
from dataclasses import dataclass

Who = tuple[str, str]
"""(client, handle)"""


@dataclass(slots=True)
class Hold:
    """What one handle believes, until true time `until` (seconds)."""

    token: int
    exclusive: bool
    until: float


class Trust:
    """All leases that some client trusts now. Two that conflict are a violation, whatever the log says."""

    def __init__(self, now: Callable[[], float], fail: Callable[[str], None]) -> None:
        self._now = now
        self._fail = fail
        self._holds: dict[str, dict[Who, Hold]] = {}
        self.revoked: set[str] = set()
        """Clients whose session somebody else ended: they may trust for a while what is nobody's, and only their
        tokens are refused."""

    def hold(self, name: str, who: Who, hold: Hold) -> None:
        """`who` begins or goes on to trust."""
        now = self._now()
        if hold.until <= now or who[0] in self.revoked:
            return
        holds = self._holds.setdefault(name, {})
        for other, theirs in holds.items():
            if other != who and theirs.until > now and (hold.exclusive or theirs.exclusive):
                self._fail(f"exclusion: {name} is trusted by {who} {hold} and by {other} {theirs}")
        mine = holds.get(who)
        if (
            mine is not None
            and mine.until > hold.until
            and mine.token == hold.token
            and mine.exclusive == hold.exclusive
        ):
            return
        holds[who] = hold

    def drop(self, name: str, who: Who) -> None:
        """`who` gives up: it asked for the end of its lease, or was told of it."""
        self._holds.get(name, {}).pop(who, None)

    def revoke(self, client: str) -> None:
        """What `client` trusts was taken from it, and it cannot know that yet."""
        self.revoked.add(client)
        for holds in self._holds.values():
            for who in [who for who in holds if who[0] == client]:
                del holds[who]

    def weaken(self, name: str, who: Who) -> None:
        """`who` asked for a downgrade: from now on it counts as a sharer only."""
        mine = self._holds.get(name, {}).get(who)
        if mine is not None:
            mine.exclusive = False

    def ended(self, name: str, token: int, how: str) -> None:
        """The log ended a lease. Nobody may still trust it."""
        now = self._now()
        for who, hold in self._holds.get(name, {}).items():
            if hold.token == token and hold.until > now:
                self._fail(
                    f"lease cut short: {how} of {name} token {token}, which {who} trusts for {hold.until - now:.3f} s"
                )
