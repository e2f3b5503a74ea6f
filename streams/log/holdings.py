"""Which keys may hold something for which session. Derived from the keys' states, so it is not part of the fold.

It may name too much, never too little: who looks a key up asks its state. What is taken back with a void commit is
not undone here; the next claim derives all of it anew.
"""

from collections.abc import Iterable

from streams.wire.messages import SessionEnded

LOOK_AT = 32
"""A key that so many sessions are noted for is looked at, and again each time the number has doubled."""


class Holdings:
    """Keys by session, and the sessions that have ended and still have some."""

    __slots__ = ("_by_key", "_by_session", "_ending", "recording")

    def __init__(self) -> None:
        self.recording = False
        """Whether somebody needs it: readers do not."""
        self._by_session: dict[str, dict[str, None]] = {}
        self._by_key: dict[str, dict[str, None]] = {}
        self._ending: dict[str, tuple[SessionEnded, list[str]]] = {}
        """Why it ended (that it did may be forgotten before all is let go), and keys to look at, the next one last: to
        look for a dict's first entry is to pass the gaps of all gone."""

    def note(self, session: str, key: str) -> bool:
        """Note that `session` may hold something of `key`. Return whether it is time to `keep` what it does."""
        sessions = self._by_key.setdefault(key, {})
        if session in sessions:
            return False
        sessions[session] = None
        self._by_session.setdefault(session, {})[key] = None
        if session in self._ending:
            self._ending[session][1].insert(0, key)
        count = len(sessions)
        return count >= LOOK_AT and count & (count - 1) == 0

    def keep(self, key: str, holding: Iterable[str]) -> None:
        """Forget the sessions of `key` but those."""
        kept = set(holding)
        for session in [each for each in self._by_key.get(key, ()) if each not in kept]:
            self.let_go(session, key)

    def let_go(self, session: str, key: str) -> None:
        """Note that `session` holds nothing of `key`."""
        _drop(self._by_key, key, session)
        _drop(self._by_session, session, key)
        if session not in self._by_session:
            self._ending.pop(session, None)

    def forget(self, key: str) -> None:
        """Note that nothing is left of `key`."""
        for session in tuple(self._by_key.get(key, ())):
            self.let_go(session, key)

    def end(self, session: str, ended: SessionEnded) -> None:
        """Have `next_ending` name what `session` may hold."""
        keys = self._by_session.get(session)
        if keys:
            self._ending[session] = ended, list(reversed(keys))

    def next_ending(self) -> tuple[SessionEnded, str] | None:
        """Return a session that has ended, and a key that it may hold something of; None: there is none."""
        for session, (ended, keys) in self._ending.items():
            held = self._by_session[session]
            while keys[-1] not in held:
                keys.pop()
            return ended, keys[-1]
        return None


def _drop(index: dict[str, dict[str, None]], of: str, what: str) -> None:
    items = index.get(of)
    if items is not None:
        items.pop(what, None)
        if not items:
            del index[of]
