"""What a client knows of one partition: its owner, its time, and how long to trust a lease of it."""

TRUST = 0.99
"""Share of a lease that a client counts on: its clock and the owner's may differ by 1 %."""


class Partition:
    """One partition of one kind, as one client sees it. Local times are seconds of the client's `Clock`."""

    __slots__ = ("_edge_s", "_mark_offset_ms", "_marked_s", "address", "heard_s", "kind", "number", "probed")

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.number = number
        self.address: str | None = None
        self.heard_s = float("-inf")
        """When its owner last answered."""
        self.probed = False
        """A sign of life is on its way."""
        self._edge_s = float("-inf")
        self._mark_offset_ms = float("-inf")
        self._marked_s = 0.0

    def saw_mark(self, mark_ms: int, at_s: float) -> None:
        """Learn that the partition's wall mark was `mark_ms` when heard of at local time `at_s`.

        An answer that is repeated carries the mark of its old commit, so the offset gives way downwards by
        0.1 % of the time that passed, no faster: enough to follow the drift of a clock.
        """
        offset_ms = mark_ms - at_s * 1000
        least_ms = self._mark_offset_ms - (at_s - self._marked_s)
        self._mark_offset_ms = offset_ms if offset_ms > least_ms else least_ms
        self._marked_s = at_s

    def reset_mark(self, mark_ms: int, at_s: float) -> None:
        """Believe this mark whatever was heard before: the partition says that our "now" is far from its own."""
        self._mark_offset_ms = mark_ms - at_s * 1000
        self._marked_s = at_s

    def wall_ms(self, at_s: float) -> int:
        """Return the wall time at local time `at_s`, counted from the partition's marks."""
        return int(self._mark_offset_ms + at_s * 1000)

    def saw_lease_time(self, lease_ms: int, before_s: float) -> None:
        """Learn that lease time `lease_ms` came after local time `before_s`.

        `before_s`: just before a command was first sent; `lease_ms`: of its first answer. Lease time never
        runs faster than real time, and clocks differ by less than 1 %, so it reaches `e` no earlier than at
        `before_s + 0.99 * (e - lease_ms)`. Each pair is true for ever: only the tightest is kept.
        """
        edge_s = before_s - TRUST * lease_ms / 1000
        self._edge_s = max(self._edge_s, edge_s)

    def trusted_until(self, lease_ms: int) -> float:
        """Return the local time until which lease time has not reached `lease_ms` for certain."""
        return self._edge_s + TRUST * lease_ms / 1000

    def lease_ms(self, at_s: float) -> int:
        """Return which lease time it is at local time `at_s`, at the most."""
        return int((at_s - self._edge_s) * 1000 / TRUST)
