"""How long a message waits for its next attempt. Integers only, and no chance: replay gives the same.

Standard library only.
"""

from typing import Final

from streams.domain.queues.settings import QueueSettings

_MASK: Final = (1 << 64) - 1


def backoff_ms(settings: QueueSettings, incarnation: int, number: int, attempts: int) -> int:
    """Return the pause after so many attempts: min * factor^(attempts - 1), at most max, give or take the jitter."""
    times = attempts - 1
    grown: int = settings.backoff_min_ms * settings.backoff_factor**times // 100**times
    pause = min(grown, settings.backoff_max_ms)
    span = pause * settings.jitter // 100
    return pause - span + _scatter(incarnation, number, attempts) % (2 * span + 1)


def _scatter(*numbers: int) -> int:
    """Return 64 bits that look random (the finalizer of SplitMix64, once a number)."""
    mixed = 0
    for number in numbers:
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
    return mixed
