"""What operators do to dead letters on Kafka: commands sent anew, letters purged, and the note that says so."""

from collections.abc import Iterable, Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from storage.kafka.client import finish, producer
from storage.kafka.log import KafkaTopicReader
from streams.log.letters import LetterAction, encode_letter
from streams.log.ports import LogUnavailable
from streams.log.positions import DEAD_LETTERS, PartitionId


def letters_at(bootstrap: str) -> KafkaTopicReader:
    """Return the reader of the dead letters."""
    return KafkaTopicReader(bootstrap, DEAD_LETTERS, 0)


async def send(bootstrap: str, commands: Iterable[tuple[PartitionId, bytes]]) -> None:
    """Append commands to their topics, one after the other. Raises `LogUnavailable`: those before it are sent."""
    await _append(bootstrap, [(where.commands_topic, where.partition, body) for where, body in commands])


async def note(bootstrap: str, action: LetterAction) -> None:
    """Leave behind the letters what was done. Raises `LogUnavailable`."""
    await _append(bootstrap, [(DEAD_LETTERS, 0, encode_letter(action))])


async def purge(bootstrap: str, through: int) -> int:
    """Delete all letters up to `through`, for ever; return the first that is left. Raises `LogUnavailable`."""
    admin, at = AIOKafkaAdminClient(bootstrap_servers=bootstrap), TopicPartition(DEAD_LETTERS, 0)
    try:
        await admin.start()
        left = await admin.delete_records({at: RecordsToDelete(before_offset=through + 1)})
    except KafkaError as error:
        raise LogUnavailable(f"{DEAD_LETTERS}: {error!r}") from error
    finally:
        await finish(admin.close())
    return int(left[at])


async def _append(bootstrap: str, records: Sequence[tuple[str, int, bytes]]) -> None:
    if not records:
        return
    sending, at = producer(bootstrap), records[0]
    try:
        await sending.start()
        for at in records:
            topic, partition, body = at
            await sending.send_and_wait(topic, body, partition=partition)
    except KafkaError as error:
        raise LogUnavailable(f"{at[0]}/{at[1]}: {error!r}") from error
    finally:
        await finish(sending.stop())
