"""What operators do to dead letters on Kafka: commands sent anew, letters purged, and the note that says so."""

from collections.abc import Iterable, Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from storage.kafka.client import finish, producer
from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import partitions_of
from streams.log.letters import LetterAction, encode_letter
from streams.log.ports import LogUnavailable
from streams.log.positions import DEAD_LETTERS, PartitionId


class KafkaLetterDesk:
    """`LetterDesk` on one cluster. Each method opens what it needs and closes it: few are asked, and seldom."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    @property
    def letters(self) -> KafkaTopicReader:
        """The topic of the letters."""
        return KafkaTopicReader(self._bootstrap, DEAD_LETTERS, 0)

    def log(self, where: PartitionId) -> KafkaTopicReader:
        """Return the reader of a partition's log."""
        return KafkaTopicReader(self._bootstrap, where.log_topic, where.partition)

    async def partitions(self, kind: str) -> int:
        """Return how many partitions a kind has. Raises `LogUnavailable`."""
        return await partitions_of(self._bootstrap, kind)

    async def send(self, commands: Iterable[tuple[PartitionId, bytes]]) -> None:
        """Append commands to their topics, one after the other. Raises `LogUnavailable`: those before it are sent."""
        await self._append([(where.commands_topic, where.partition, body) for where, body in commands])

    async def note(self, action: LetterAction) -> None:
        """Leave behind the letters what was done. Raises `LogUnavailable`."""
        await self._append([(DEAD_LETTERS, 0, encode_letter(action))])

    async def purge(self, through: int) -> int:
        """Delete all letters up to `through`, for ever; return the first that is left. Raises `LogUnavailable`."""
        admin, at = (
            AIOKafkaAdminClient(bootstrap_servers=self._bootstrap),
            TopicPartition(DEAD_LETTERS, 0),
        )
        try:
            await admin.start()
            left = await admin.delete_records({at: RecordsToDelete(before_offset=through + 1)})
        except KafkaError as error:
            raise LogUnavailable(f"{DEAD_LETTERS}: {error!r}") from error
        finally:
            await finish(admin.close())
        return int(left[at])

    async def _append(self, records: Sequence[tuple[str, int, bytes]]) -> None:
        if not records:
            return
        sending, at = producer(self._bootstrap), records[0]
        try:
            await sending.start()
            for at in records:
                topic, partition, body = at
                await sending.send_and_wait(topic, body, partition=partition)
        except KafkaError as error:
            raise LogUnavailable(f"{at[0]}/{at[1]}: {error!r}") from error
        finally:
            await finish(sending.stop())
