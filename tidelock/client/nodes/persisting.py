"""Trying again what a node must do, with patience, for as long as it takes."""

import random
from collections.abc import Awaitable, Callable
from typing import Final

from tidelock.client.clock import Clock, sleep_until
from tidelock.client.errors import TidelockError

FIRST_PAUSE_S: Final = 0.2
LAST_PAUSE_S: Final = 10.0


async def persist(
    attempt: Callable[[], Awaitable[None]], clock: Clock, final: tuple[type[TidelockError], ...]
) -> None:
    """Return once `attempt` succeeds. Pauses as long as a refusal asks for, else longer each time. Raises `final`."""
    failures = 0
    while True:
        try:
            return await attempt()
        except final:
            raise
        except TidelockError as error:
            pause_s = error.retry_after_s
            if pause_s is None:
                pause_s = min(LAST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10))
            failures += 1
        await sleep_until(clock, clock.now() + pause_s * random.uniform(1.0, 1.2))  # noqa: S311
