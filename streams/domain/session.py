"""The end of a session: whoever acted for a node holds nothing any more. Standard library only."""

from typing import Final

from streams.domain.decider import Rejected
from streams.domain.value import value

SESSION_ENDED: Final = Rejected(
    "SESSION_ENDED",
    "The session of this command has ended. Register again and use the new session's token.",
)


@value
class SessionGone:
    """The engine's command to a key of which the session holds something; asked again until nothing is left."""

    session: str
    cause: str
    """Why it ended, and the id of the event that ended it; kept with what this causes."""
