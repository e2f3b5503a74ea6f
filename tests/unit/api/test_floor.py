"""What a query lets its readers know: the positions that it needs, so that no copy that lacks them answers."""

from collections.abc import Mapping

from streams.log.positions import PartitionId
from streams.projections.floor import ReadModelAt, needed
from tests.unit.api.world import PARTITIONS, WHEN, MemoryReads, World


class Noting(MemoryReads):
    """Notes what was needed at each question."""

    def __init__(self) -> None:
        super().__init__()
        self.needed: list[Mapping[ReadModelAt, int] | None] = []

    def _ask(self, what: str, tenant: str = "dev") -> None:
        super()._ask(what, tenant)
        told = needed()
        self.needed.append(None if told is None else dict(told))


async def test_a_query_that_names_no_position_needs_none() -> None:
    reads = Noting()
    await World(reads).ask("{ locks(first: 1) { nodes { name } } }")
    assert reads.needed == [{}]
    assert needed() is None


async def test_a_moment_needs_what_read_models_were_said_to_know_of_it() -> None:
    reads = Noting()
    past = WHEN.stands[0].time_ms // 2_000
    await World(reads).ask(
        f'{{ locks(first: 1, at: "1970-01-01T00:{past // 60:02}:00Z") {{ nodes {{ name }} }} }}'
    )
    stands = {("locks", PartitionId("locks", number)): 10 for number in range(PARTITIONS)}
    assert dict(zip(reads.asked, reads.needed, strict=True)) == {"projected": {}, "locks_at": stands}
