"""The producer of dead letters, without a broker: a failure ends it, and the next letter gets another."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber

from storage.kafka.log import KafkaDeadLetters
from streams.log.letters import letter_of_command
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.ops.letters import DEAD_LETTERS, CountedLetters

WHERE = PartitionId("locks", 1)
LETTER = letter_of_command("DECODE", "dev", WHERE, 7, 1000, b"garbled", "MALFORMED_DATA", "why")


class Producer:
    """Fails from its first letter on, if it is told how."""

    def __init__(self, failing: Exception | None = None, starting: Exception | None = None) -> None:
        self.failing = failing
        self.starting = starting
        self.sent: list[bytes] = []
        self.started = self.stopped = False

    async def start(self) -> None:
        await asyncio.sleep(0)
        if self.starting is not None:
            raise self.starting
        self.started = True

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        await asyncio.sleep(0)
        if self.failing is not None:
            raise self.failing
        self.sent.append(key)

    async def stop(self) -> None:
        self.stopped = True


def letters(*producers: Producer) -> KafkaDeadLetters:
    made = iter(producers)
    return KafkaDeadLetters(lambda: next(made))


async def test_one_producer_serves_all_letters() -> None:
    producer = Producer()
    one = letters(producer)
    await asyncio.gather(*(one.put(LETTER) for _ in range(3)))
    await one.close()
    assert producer.sent == [b"tidelock.locks.commands/1@7"] * 3
    assert producer.stopped


async def test_letters_are_counted_once_they_are_stored() -> None:
    counted = CountedLetters(letters(Producer(OutOfOrderSequenceNumber()), Producer()))
    before = DEAD_LETTERS.labels("DECODE", "locks")._value.get()
    with pytest.raises(LogUnavailable):
        await counted.put(LETTER)
    assert DEAD_LETTERS.labels("DECODE", "locks")._value.get() == before
    await counted.put(LETTER)
    assert DEAD_LETTERS.labels("DECODE", "locks")._value.get() == before + 1


async def test_the_first_producer_may_be_started_ahead() -> None:
    producer = Producer()
    one = letters(producer)
    await one.start()
    assert producer.started
    await one.put(LETTER)
    await one.close()
    assert len(producer.sent) == 1


async def test_after_a_fatal_failure_the_next_letter_gets_another_producer() -> None:
    broken, whole = Producer(OutOfOrderSequenceNumber()), Producer()
    one = letters(broken, whole)
    with pytest.raises(LogUnavailable, match="OutOfOrderSequenceNumber"):
        await one.put(LETTER)
    await one.put(LETTER)
    await one.close()
    assert (broken.stopped, len(whole.sent), whole.stopped) == (True, 1, True)


async def test_letters_that_fail_together_end_one_producer_once() -> None:
    broken, whole = Producer(), Producer()
    one = letters(broken, whole)
    await one.put(LETTER)
    broken.failing = OutOfOrderSequenceNumber()
    puts = [one.put(LETTER) for _ in range(3)]
    failed = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(error) for error in failed] == [LogUnavailable] * 3
    await one.put(LETTER)
    await one.close()


async def test_a_defect_is_not_taken_for_an_outage() -> None:
    broken, whole = Producer(ValueError("planted")), Producer()
    one = letters(broken, whole)
    with pytest.raises(ValueError, match="planted"):
        await one.put(LETTER)
    await one.put(LETTER)
    await one.close()


async def test_a_producer_that_does_not_start_is_tried_again() -> None:
    away, whole = Producer(starting=KafkaConnectionError()), Producer()
    one = letters(away, whole)
    with pytest.raises(LogUnavailable):
        await one.put(LETTER)
    assert away.stopped
    await one.put(LETTER)
    await one.close()
