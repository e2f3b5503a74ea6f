"""Tells, once, whoever iterates on without settling why nothing comes any more."""

import logging
from collections.abc import Callable
from typing import Final

from tidelock.client.clock import Clock, Timer
from tidelock.client.queues.leases import Leases

PATIENCE_S: Final = 10.0
log = logging.getLogger("tidelock.queues")


class Starvation:
    """Watches a consumer that is asked for more while all it may hand out is unsettled.

    That is usual while handlers work, so it is told only if none was settled for a while, and none is inside its
    `async with` block, which would settle it.
    """

    def __init__(
        self, clock: Clock, queue: str, leases: Leases, most: Callable[[], int], is_asked: Callable[[], bool]
    ) -> None:
        """`most`: how many messages may be worked on; `is_asked`: whether somebody waits for one."""
        self._clock = clock
        self._queue = queue
        self._leases = leases
        self._most = most
        self._is_asked = is_asked
        self._timer: Timer | None = None
        self._is_over = False

    def watch(self) -> None:
        """Somebody asks for a message, and there is none."""
        if not self._is_over and self._timer is None and self._leases.busy >= self._most():
            freed = self._leases.freed
            self._timer = self._clock.call_at(self._clock.now() + PATIENCE_S, lambda: self._look(freed))

    def close(self) -> None:
        """Tell nothing any more."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, freed: int) -> None:
        self._timer = None
        leases = self._leases
        if not self._is_asked() or leases.busy < self._most():
            return
        if leases.freed != freed:
            self.watch()
        elif not any(each.is_entered for each in leases if each.is_worked_on):
            self._is_over = True
            log.warning(
                "no more messages of %r come: all %d that may be worked on at a time were handed out, and none was "
                "settled for %.0f s. Settle each: `async with message:`, or ack, nack or give_back.",
                self._queue, leases.busy, PATIENCE_S,
            )  # fmt: skip
