"""How a process's command can fail on its way to a partition's owner.

LaneError
├── LaneUnavailable   no answer came, or none that says what became of the command: send it again
└── LaneRefused       the answer is no: sending it again soon would not help
"""


class LaneError(Exception):
    """A command was not done."""

    code = "LANE_ERROR"


class LaneUnavailable(LaneError):
    """Nobody answered in time."""

    code = "LANE_UNAVAILABLE"


class LaneRefused(LaneError):
    """The owner refuses the command."""

    code = "LANE_REFUSED"

    def __init__(self, why: str, refusal: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.refusal = refusal
        """The answer's stable code."""
        self.retry_after_s = retry_after_s
