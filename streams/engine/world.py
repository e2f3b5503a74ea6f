"""The real clock and the real randomness."""

import random
import secrets
import time


class SystemClock:
    """This machine's clocks."""

    def monotonic_ms(self) -> int:
        """Never goes back; rate is real time."""
        return time.monotonic_ns() // 1_000_000

    def wall_ms(self) -> int:
        """Wall time, possibly wrong."""
        return time.time_ns() // 1_000_000


class SystemEntropy:
    """The operating system's randomness."""

    def owner_id(self) -> bytes:
        """Return 16 random bytes."""
        return secrets.token_bytes(16)

    def pause_s(self, low: float, high: float) -> float:
        """Return a random pause between `low` and `high` seconds."""
        return random.SystemRandom().uniform(low, high)
