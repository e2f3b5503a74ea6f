"""A changelog's writer without a broker: what its failures mean."""

import pytest
from aiokafka.errors import InvalidProducerEpoch, NotLeaderForPartitionError

from storage.kafka.changelog import IDLE_S, KafkaChangelogWriter
from streams.log.positions import PartitionId
from streams.projections.changelog import AppendLost, ChangelogClaimed, ChangelogId, ChangesTooLarge
from tests.unit.kafka.leader import Leader, writing_to

TABLE = ChangelogId("toy", PartitionId("locks", 3))


class Time:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_batch_takes_as_many_sequence_numbers_as_records() -> None:
    leader = Leader((0, 10, 1), (0, 12, 1))
    async with writing_to(leader) as kafka:
        table = KafkaChangelogWriter(kafka, TABLE, 10)
        assert await table.append([(b"a", b"1"), (b"b", None)]) == 12
        assert await table.append([(b"c", b"2")]) == 13
    assert [batch.base_sequence for batch in leader.batches] == [0, 2]
    assert [(one.key, one.value) for one in leader.batches[0]] == [(b"a", b"1"), (b"b", None)]


@pytest.mark.parametrize(
    ("code", "error"),
    [(InvalidProducerEpoch.errno, ChangelogClaimed), (NotLeaderForPartitionError.errno, AppendLost)],
    ids=["fenced", "moved"],
)
async def test_a_fence_is_told_from_what_is_unknown(code: int, error: type[Exception]) -> None:
    async with writing_to(Leader((code, -1, -1))) as kafka:
        with pytest.raises(error):
            await KafkaChangelogWriter(kafka, TABLE, 0).append([(b"a", b"1")])


async def test_what_fits_no_batch_is_refused_before_it_is_sent() -> None:
    leader = Leader((0, 10, 1))
    async with writing_to(leader) as kafka:
        table = KafkaChangelogWriter(kafka, TABLE, 10)
        with pytest.raises(ChangesTooLarge):
            await table.append([(b"k", bytes(5 * 1024 * 1024))] * 2)
        await table.append([(b"k", b"1")])
    assert [batch.base_sequence for batch in leader.batches] == [0]


async def test_a_writer_that_was_idle_for_long_claims_anew() -> None:
    leader, time = Leader((0, 10, 1), (0, 11, 1)), Time()
    async with writing_to(leader) as kafka:
        table = KafkaChangelogWriter(kafka, TABLE, 10, time)
        time.now_s += IDLE_S - 1
        await table.append([(b"a", b"1")])
        time.now_s += IDLE_S + 1
        with pytest.raises(AppendLost, match="claimed anew"):
            await table.append([(b"a", b"2")])
    assert len(leader.batches) == 1
