"""Time as each partition's log tells it. Pure."""

from streams.log.positions import PartitionId


class LogTime:
    """The time of each partition, in ms: about its append timestamps, but it never stands still.

    Append timestamps are the brokers' clocks. After one has stepped back (another broker leads), the greatest so far
    stands still for as long as the step was; lease time goes on meanwhile, and stands still where nobody decides.
    A partition whose broker's clock was ahead once stays ahead: how long ago something was its own time alone tells.
    """

    def __init__(self) -> None:
        self._ahead: dict[PartitionId, int] = {}
        """How far the time of each partition is ahead of its lease time."""

    def at(self, where: PartitionId, append_ms: int, lease_ms: int) -> int:
        """Return the time of a commit, by its greatest append timestamp so far. To be asked in the order of the log."""
        ahead = max(append_ms - lease_ms, self._ahead.get(where, append_ms - lease_ms))
        self._ahead[where] = ahead
        return lease_ms + ahead
