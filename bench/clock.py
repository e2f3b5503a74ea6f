"""A clock that stands still until it is turned."""

START_MS = 1_700_000_000_000


class TurnedClock:
    """Both of a worker's clocks, in step."""

    def __init__(self) -> None:
        self._ms = 0

    def turn(self, ms: int) -> None:
        """Let time pass."""
        self._ms += ms

    def monotonic_ms(self) -> int:
        """Never goes back."""
        return self._ms

    def wall_ms(self) -> int:
        """Wall time."""
        return START_MS + self._ms
