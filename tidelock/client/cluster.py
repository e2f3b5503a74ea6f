"""What the first welcome tells for good: whose names these are, and which partitions decide on them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from streams.wire.messages import Welcome
from tidelock.client.partition import Partition


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster as one client sees it: the tenant of its token, and each kind's partitions by number."""

    tenant: str
    kinds: Mapping[str, Sequence[Partition]]

    @property
    def partitions(self) -> Iterator[Partition]:
        """All partitions of all kinds."""
        return (partition for partitions in self.kinds.values() for partition in partitions)

    def sent(self, welcome: Welcome) -> bool:
        """Return whether `welcome` can come from this cluster, and to this tenant."""
        sizes = {kind: len(partitions) for kind, partitions in self.kinds.items()}
        return welcome.tenant == self.tenant and sizes == {
            each.kind: each.partitions for each in welcome.kinds
        }


def cluster_of(welcome: Welcome) -> Cluster:
    """Return the cluster whose first welcome this is."""
    return Cluster(
        welcome.tenant,
        {
            each.kind: tuple(Partition(each.kind, number) for number in range(each.partitions))
            for each in welcome.kinds
        },
    )
