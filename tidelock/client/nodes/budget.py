"""A retry budget: a share of the calls may be made again, so that retries never multiply an overload.

As in Finagle and gRPC (proposal A6): calls pay in, retries pay out.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class RetryBudget:
    """What all calls of one caller share."""

    share: float = 0.2
    """So much of a retry each call earns."""
    most: float = 10.0
    """What can be saved up, and what there is at first."""

    def __post_init__(self) -> None:
        self._saved = self.most

    _saved: float = 0.0

    def call(self) -> None:
        """Note a new call."""
        self._saved = min(self.most, self._saved + self.share)

    def retry(self) -> bool:
        """Say whether a call may be made again, and if so pay for it."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
