"""The end of a session, as it reaches whatever the session owned. Standard library only."""

from streams.domain.value import value


@value
class SessionGone:
    """The engine's command to a key in whose state `session` owns something: let go of it."""

    session: str
    cause: str
    """Why it ended, and the id of the event that ended it; kept with what this causes."""
