"""Which partitions still have to hear of which ended sessions. Pure.

Every partition has a line of its own, so that one without an owner holds up nobody else's. A session that is held
(the brake) leaves a line when its turn comes, and enters those that are ahead of it when it is started again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from streams.domain.nodes.names import node_of
from streams.log.positions import PartitionId
from streams.processes.sweeper.claims import Claim


@dataclass(slots=True, eq=False)
class Sweep:
    """An ended session on its way through the partitions; then its node hears that it is swept."""

    session: str
    cause: str
    """Why it ended, and the id of the event that ended it."""
    home: PartitionId
    """Its node's partition."""
    seen_s: float
    trusted_s: float = 0.0
    """For how long from then its client, if it still runs, may trust what it holds."""
    silent: bool = False
    """It ended by silence, and its node has not come back since."""
    principal: str = ""
    """Who had registered it."""
    claim: Claim | None = None
    """No node ever had the session, so none is told, and no partition remembers it: this instance of it leaves."""
    is_over: bool = False
    ahead: list[PartitionId] = field(default_factory=list)
    """Partitions in whose lines it does not stand yet."""
    untold: int = 0
    """Partitions that have not answered yet."""


class Sweeps:
    """The lines, and what has not been started, or was held."""

    def __init__(self, partitions: Sequence[PartitionId]) -> None:
        self.partitions = tuple(partitions)
        """In the order in which they are to hear of a session."""
        self.waiting: dict[Sweep, None] = {}
        """What is ahead of some lines: not started, or held."""
        self.stirred: dict[PartitionId, None] = {}
        """Lines that something has come to since this was last cleared."""
        self._lines: dict[PartitionId, deque[Sweep]] = {where: deque() for where in partitions}
        self._by_node: dict[str, dict[str, Sweep]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_node.values()))

    def of(self, node: str) -> Iterable[Sweep]:
        """Return the sessions of a node that are not swept, oldest first."""
        return self._by_node.get(node, {}).values()

    def find(self, session: str) -> Sweep | None:
        """Return the session's sweep while it is not over."""
        return self._by_node.get(node_of(session), {}).get(session)

    def add(self, sweep: Sweep, partitions: Sequence[PartitionId] = ()) -> None:
        """Have all `partitions` told of a session, or all there are; not before it is started."""
        sweep.ahead = list(partitions or self.partitions)
        sweep.untold = len(sweep.ahead)
        self.waiting[sweep] = None
        if sweep.claim is None:
            self._by_node.setdefault(node_of(sweep.session), {})[sweep.session] = sweep

    def start(self, sweep: Sweep) -> None:
        """Put it at the end of the lines that are ahead of it."""
        self.waiting.pop(sweep, None)
        for where in sweep.ahead:
            self._put(where, sweep)
        sweep.ahead.clear()

    def take(self, where: PartitionId, limit: int, is_held: Callable[[Sweep], bool]) -> list[Sweep]:
        """Return the first in a line: the partition is to be told, or, if all have been, the node."""
        line, taken = self._lines[where], list[Sweep]()
        while line and len(taken) < limit:
            sweep = line.popleft()
            if sweep.is_over:
                continue
            if sweep.untold and is_held(sweep):
                sweep.ahead.append(where)
                self.waiting[sweep] = None
            else:
                taken.append(sweep)
        return taken

    def again(self, where: PartitionId, sweeps: Sequence[Sweep]) -> None:
        """Put what was taken in vain to the end: what is refused for a day must not keep others from their turn."""
        self._lines[where].extend(sweeps)

    def told(self, sweep: Sweep) -> None:
        """One more partition has it in its log. After the last one it is the node's turn to be told."""
        sweep.untold -= 1
        if sweep.untold or sweep.is_over:
            return
        if sweep.claim is None:
            self._put(sweep.home, sweep)
        else:
            sweep.is_over = True

    def end(self, session: str) -> None:
        """The session is swept, whoever did it. One that is not known is fine."""
        node = node_of(session)
        sweep = self._by_node.get(node, {}).pop(session, None)
        if sweep is None:
            return
        sweep.is_over = True
        self.waiting.pop(sweep, None)
        if not self._by_node[node]:
            del self._by_node[node]

    def _put(self, where: PartitionId, sweep: Sweep) -> None:
        self._lines[where].append(sweep)
        self.stirred[where] = None
