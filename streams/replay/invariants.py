"""What is checked of a kind beyond the log's own rules: a second opinion on its events, sharing no code with it."""

from collections.abc import Callable
from typing import Any, Protocol

from streams.log.records import LoggedDecision
from streams.replay.findings import Report

Complain = Callable[[str, str], None]
"""(violation code, what)"""


class Invariants(Protocol):
    """What one kind must keep; told of each event in log order."""

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check and remember one event; `number` is the token an event at this place must have."""

    def reply(self, reply: Any, decision: LoggedDecision, complain: Complain) -> None:
        """Check the answer of a decision whose events were just told."""

    def finish(self, report: Report) -> None:
        """Write down what was counted, and what is still open."""
