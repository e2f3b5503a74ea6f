"""What must be remembered of an entry while commands about it are open: a grant may arrive after its own end.

docs/protocols/caches.md, rule 2 of what a client may trust. Once no command is open, no older grant can come.
"""


class Memory:
    """Of the entries of one shard."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._over: dict[str, int] = {}
        self._shared: dict[str, int] = {}

    def opened(self, entry: str) -> None:
        """A command that may grant a line of the entry is sent."""
        self._open[entry] = self._open.get(entry, 0) + 1

    def closed(self, entry: str) -> None:
        """It has its answer, or never gets one."""
        left = self._open[entry] - 1
        if left:
            self._open[entry] = left
            return
        del self._open[entry]
        self._over.pop(entry, None)
        self._shared.pop(entry, None)

    def gave_up(self, entry: str, token: int) -> None:
        """Lines of the entry up to `token` were given up, or called away."""
        if entry in self._open:
            self._over[entry] = max(token, self._over.get(entry, 0))

    def shared(self, entry: str, token: int) -> None:
        """The line with this token is not Exclusive any more."""
        if entry in self._open:
            self._shared[entry] = token

    def is_over(self, entry: str, token: int) -> bool:
        """Say whether a line that is granted only now has been given up already."""
        return self._over.get(entry, 0) >= token

    def is_shared(self, entry: str, token: int) -> bool:
        """Say whether a line that is granted Exclusive only now has become Shared already."""
        return self._shared.get(entry, 0) == token

    def forget(self) -> None:
        """The attachment is over: what it was granted does not count any more."""
        self._over.clear()
        self._shared.clear()
