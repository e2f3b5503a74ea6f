"""The lines of ended sessions before their partitions."""

from streams.log.positions import PartitionId
from streams.processes.sweeper.sweeps import Sweep, Sweeps
from tests.unit.nodes.spec import sealed

LOCKS, HOME = PartitionId("locks", 0), PartitionId("nodes", 0)


def test_what_is_refused_keeps_no_other_from_its_turn() -> None:
    """A partition refuses ends for as long as a day; the node of one that all were told of waits behind them."""
    sweeps = Sweeps((LOCKS, HOME))
    refused, told = [Sweep(sealed(f"n{number}:1"), "SILENT 1", HOME, 0.0) for number in range(2)]
    for sweep in (refused, told):
        sweeps.add(sweep)
        sweeps.start(sweep)
    for where in (LOCKS, HOME):
        assert sweeps.take(where, 2, lambda _: False) == [refused, told]
        sweeps.again(where, [refused])
        sweeps.told(told)
    assert sweeps.take(LOCKS, 1, lambda _: False) == [refused]
    assert sweeps.take(HOME, 1, lambda _: False) == [refused]
    sweeps.again(HOME, [refused])
    assert sweeps.take(HOME, 1, lambda _: False) == [told]
