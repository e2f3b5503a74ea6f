"""Looks at what is open now and then: ends what is late, drops connections that fell silent, asks for signs of life.

One timer a client, at the soonest deadline or sooner.
"""

from typing import Protocol

from tidelock.client.clock import Clock, Timer
from tidelock.client.errors import ConnectionLost
from tidelock.client.link import Link
from tidelock.client.partition import Partition
from tidelock.client.pending import WAITING, Pending
from tidelock.client.settings import Settings

SWEEP_S = 0.1
"""How late the end of a deadline may be noticed."""


class Swept(Protocol):
    """Whoever owns the commands."""

    @property
    def links(self) -> tuple[Link, ...]:
        """The workers that are known."""

    def open_commands(self) -> tuple[Pending, ...]:
        """Return all commands that are not done."""

    def give_up(self, pending: Pending) -> None:
        """The command's deadline has passed."""

    def probe(self, partition: Partition) -> None:
        """Ask for a sign of life."""


class Sweeper:
    """Sweeps for one client, as long as anything is open."""

    def __init__(self, settings: Settings, clock: Clock, swept: Swept) -> None:
        self._settings = settings
        self._clock = clock
        self._swept = swept
        self._every_s = min(settings.stall_s, settings.probe_s) / 4
        self._timer: Timer | None = None
        self.at_s = float("inf")
        """When it sweeps next."""

    def expect(self, deadline_s: float, now: float) -> None:
        """Sweep by `deadline_s`, which is before `at_s`."""
        self._sweep_by(min(deadline_s, now + self._every_s))

    def close(self) -> None:
        """Sweep no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sweep_by(self, when: float) -> None:
        self.close()
        self.at_s = when
        self._timer = self._clock.call_at(when + SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        self.at_s = float("inf")
        swept, now = self._swept, self._clock.now()
        for pending in swept.open_commands():
            if pending.deadline_s <= now:
                swept.give_up(pending)
        self._drop_silent(now)
        for partition in {each.partition: None for each in swept.open_commands() if each.phase is WAITING}:
            if now - partition.heard_s >= self._settings.probe_s and not partition.probed:
                swept.probe(partition)
        still_open = swept.open_commands()
        if still_open:
            soonest = min(each.deadline_s for each in still_open)
            self._sweep_by(min(soonest, now + self._every_s))

    def _drop_silent(self, now: float) -> None:
        stall_s = self._settings.stall_s
        for link in self._swept.links:
            if link.is_open and link.in_flight and now - link.heard_s >= stall_s:
                link.close(ConnectionLost(f"{link.address} did not answer for {stall_s} s."))
