"""Dead letters as they are written, counted: whoever runs the platform is told that there are some."""

from prometheus_client import Counter

from streams.log.letters import DeadLetter
from streams.log.ports import DeadLetters

DEAD_LETTERS = Counter(
    "tidelock_dead_letters_total", "Dead letters of the platform, not of queues", ("stage", "kind")
)


class CountedLetters:
    """`DeadLetters` that counts what it has stored."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    async def put(self, letter: DeadLetter) -> None:
        """Store the copy durably. Raises `LogUnavailable`."""
        await self._letters.put(letter)
        DEAD_LETTERS.labels(letter.stage, letter.kind).inc()
