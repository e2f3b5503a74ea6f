"""Writes down every answer as it comes off the wire, so that it can be compared with the log later."""

from dataclasses import dataclass, field

from streams.domain.value import value
from streams.wire.messages import Answers

CommandKey = tuple[str, int]
"""(client id, sequence)"""


@value
class Heard:
    """One answer or push: in which commit it is said to be, and its bytes."""

    partition: int
    offset: int
    waiting: bool
    reply: bytes


@dataclass(slots=True)
class Recorder:
    """The answers of some clients."""

    heard: dict[CommandKey, list[Heard]] = field(default_factory=dict)
    clients: set[str] = field(default_factory=set)
    answers: int = 0
    waits: int = 0

    def hear(self, client_id: str, answers: Answers) -> None:
        """Note what a client is told, before it takes it: `tidelock.connect(..., on_answers=recorder.hear)`."""
        self.clients.add(client_id)
        if not answers.decided:  # so they are in no log
            return
        heard, partition, offset = self.heard, answers.partition, answers.offset
        for answer in answers.answers:
            self.answers += 1
            self.waits += answer.waiting
            one = Heard(partition, offset, answer.waiting, answer.reply)
            heard.setdefault((client_id, answer.sequence), []).append(one)
