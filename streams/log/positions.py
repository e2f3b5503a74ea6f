"""Positions: one place in one partition's log."""

from streams.domain.value import value


@value
class PartitionId:
    """One partition of one kind."""

    kind: str
    partition: int

    def __str__(self) -> str:
        return f"{self.kind}/{self.partition}"

    @property
    def log_topic(self) -> str:
        """The topic that holds the truth."""
        return f"tidelock.{self.kind}.log"

    @property
    def commands_topic(self) -> str:
        """The topic of the topic lane."""
        return f"tidelock.{self.kind}.commands"


DEAD_LETTERS = "tidelock.dead-letters"


@value
class Position:
    """One record of one partition's log; prints and parses as `locks/3@1205`."""

    partition: PartitionId
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}@{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read `kind/partition@offset`. Raises `ValueError` with the expected form."""
        try:
            where, offset = text.split("@")
            kind, partition = where.split("/")
            return cls(PartitionId(kind, int(partition)), int(offset))
        except ValueError:
            raise ValueError(
                f"'{text}' is no position; expected KIND/PARTITION@OFFSET, such as locks/3@1205."
            ) from None
