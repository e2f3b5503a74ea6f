"""Sends the heartbeats of one session, and sees when it can no longer be trusted.

Beats go out whether or not earlier ones were answered: each answer tells that the node was alive after its own sending.
"""

import logging
import random
from collections.abc import Callable
from typing import Final, Protocol, get_args

from streams.domain.decider import Rejected
from streams.domain.nodes.commands import Health, Heartbeat
from streams.domain.nodes.limits import MAX_NUMBER
from streams.domain.nodes.replies import Heard
from tidelock.client.clock import Timer
from tidelock.client.membership import Membership
from tidelock.client.nodes.node import Node
from tidelock.client.nodes.transport import Nodes
from tidelock.client.pending import Outcome, Pending
from tidelock.client.wheel import Wheel

SLOT_S: Final = 0.01
"""How early a session may be given up."""
LEAST_JITTER: Final = 0.85
"""A beat comes after this share of the interval at the least, the whole at the most."""
OVER: Final = frozenset({"NODE_UNKNOWN", "SESSION_ENDED", "NOT_YOURS"})
"""Answers to a heartbeat that mean: this session is not the node's any more."""
log = logging.getLogger("tidelock.nodes")


class Listener(Protocol):
    """Whoever wants to know how the session does."""

    def silent(self) -> None:
        """No heartbeat was answered in time: the node may be dead."""

    def heard(self) -> None:
        """It was not dead: the session goes on."""

    def drained(self, draining: bool) -> None:
        """The node is to get no new work, or is to get work again."""


class Heart:
    """Beats for one session until it is over, or `stop`."""

    def __init__(
        self, node: Node, member: Membership, interval_s: float, nodes: Nodes, listener: Listener
    ) -> None:
        self._node = node
        self._member = member
        self._interval_s = interval_s
        self._nodes = nodes
        self._listener = listener
        self._partition = nodes.of_node(node.name)
        self._load = 0
        self._timer: Timer | None = None
        self._wheel: Wheel[Membership] = Wheel(nodes.clock, SLOT_S, self._due)
        self.is_silent = False
        self.is_draining = False

    def start(self) -> None:
        """Beat from the next interval on: the registration counts as a beat."""
        self._look_again()
        self._beat_later()

    def stop(self) -> None:
        """Beat no more."""
        self._wheel.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat_later(self) -> None:
        pause_s = self._interval_s * random.uniform(LEAST_JITTER, 1.0)  # noqa: S311
        clock = self._nodes.clock
        self._timer = clock.call_at(clock.now() + pause_s, self._beat)

    def _beat(self) -> None:
        self._beat_later()
        node, session = self._node, self._nodes.session
        beat = Heartbeat(node.name, self._member.session, self._ask_load(), self._ask_health())
        sending: list[Pending] = []

        def done(outcome: Outcome) -> None:
            if sending:  # else it ended before it was sent
                self._answered(sending[0], outcome)

        timeout_s = min(session.settings.timeout_s, node.timeout)
        pending = session.submit(
            self._partition,
            beat,
            timeout_s=timeout_s,
            on_done=done,
            session="",
            while_closing=True,  # what is held is given back under the session
        )
        sending.append(pending)

    def _answered(self, beat: Pending, outcome: Outcome) -> None:
        member = self._member
        if type(outcome) is Heard and beat.first_sent_s is not None:
            member.heard(beat.first_sent_s)
            if self.is_silent and member.trusted_until() - SLOT_S > self._nodes.clock.now():
                self.is_silent = False
                self._look_again()
                self._listener.heard()
            self._drained(bool(beat.payloads))
        elif isinstance(outcome, Rejected) and outcome.code in OVER:
            member.end(outcome.message)

    def _drained(self, draining: bool) -> None:
        if draining != self.is_draining:
            self.is_draining = draining
            self._listener.drained(draining)

    # -- trust -----------------------------------------------------------------------------------------------

    def _look_again(self) -> None:
        self._wheel.add(self._member, self._member.trusted_until() - SLOT_S)

    def _due(self, member: Membership) -> None:
        if member.is_over:
            return
        if member.trusted_until() - SLOT_S > self._nodes.clock.now():
            self._look_again()
            return
        self.is_silent = True
        self._listener.silent()

    # -- what a beat says ------------------------------------------------------------------------------------

    def _ask_load(self) -> int:
        """Return the node's load; if its callback fails, the load as it was."""
        load = _asked(self._node.load)
        if isinstance(load, int | float) and 0 <= load <= MAX_NUMBER:
            self._load = int(load)
        elif self._node.load is not None:
            log.warning("the load callback of the node gave %r: give a number, 0 to %d", load, MAX_NUMBER)
        return self._load

    def _ask_health(self) -> Health:
        """Return the node's health; if its callback fails, that is a failed check."""
        if self._node.health is None:
            return "PASSING"
        health = _asked(self._node.health)
        for each in get_args(Health):
            if each == health:
                known: Health = each
                return known
        log.warning("the health callback of the node gave %r: give one of %s", health, get_args(Health))
        return "CRITICAL"


def _asked(callback: Callable[[], object] | None) -> object:
    if callback is None:
        return None
    try:
        return callback()
    except Exception as error:
        log.exception("a callback of the node failed")
        return error
