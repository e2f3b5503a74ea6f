"""What answers do: they settle commands, tell the time, and sometimes ask for the command once more."""

from collections.abc import Callable, Mapping

from streams.domain.decider import Rejected
from streams.wire.messages import Answer, Answers
from tidelock.client.clock import Clock
from tidelock.client.cluster import Cluster
from tidelock.client.codec import KindCodec, MetaWriter
from tidelock.client.endings import unknown
from tidelock.client.ledger import Ledger
from tidelock.client.link import Link
from tidelock.client.partition import Partition
from tidelock.client.pending import QUEUED, SENT, WAITING, Pending
from tidelock.client.rejections import OF_UNKNOWN_OUTCOME

WAIT_GRACE_S = 60.0
"""So much longer than asked a wait may take (lease time stretches) before it is given up."""
NEVER = float("-inf")


class Reception:
    """Takes the frames of answers of one client."""

    def __init__(
        self,
        ledger: Ledger,
        codecs: Mapping[str, KindCodec],
        clock: Clock,
        dispatch: Callable[[Pending], None],
        cluster: Cluster,
        meta: MetaWriter,
        learn: Callable[[Partition, Answers, float, Link], None],
    ) -> None:
        """`learn` is told of each frame and of when its newest first-answered command was first sent: `NEVER` if it
        answers none first, or no commit decided what it answers.
        """
        self._learn = learn
        self._ledger = ledger
        self._codecs = codecs
        self._clock = clock
        self._dispatch = dispatch
        self._kinds = cluster.kinds
        self._meta = meta

    def on_answers(self, link: Link, answers: Answers) -> None:
        """Settle the commands that are answered; learn the partition's time."""
        partitions, number = self._kinds.get(answers.kind, ()), answers.partition
        # None: it was refused before it reached a partition
        partition = partitions[number] if 0 <= number < len(partitions) else None
        newest_s, decided = NEVER, answers.decided
        ledger = self._ledger
        for answer in answers.answers:
            pending = ledger.open.get(answer.sequence)
            if pending is None:
                continue  # a repeat
            here = pending.link is link
            if here and pending.phase is SENT:
                pending.phase = WAITING
                link.in_flight -= 1
            first, sent_s = not pending.answered, pending.first_sent_s
            pending.answered = True
            if answer.waiting:
                pending.refusals = 0
                if here and not pending.waited:
                    pending.waited = True
                    pending.deadline_s = link.heard_s + pending.wait_s + WAIT_GRACE_S
                if pending.on_waiting is not None:
                    pending.on_waiting(pending.decode(answer.reply))
            else:
                reply = pending.decode(answer.reply)
                if type(reply) is Rejected:
                    self._rejected(pending, reply, answer, answers, partition, link)
                else:
                    self._settle(pending, reply, answer, answers)
            if first and decided and sent_s is not None and pending.partition is partition:
                newest_s = sent_s if sent_s > newest_s else newest_s
        link.fill()
        if partition is not None:
            self._learn(partition, answers, newest_s, link)
        ledger.raise_floor()

    def _settle(self, pending: Pending, outcome: object, answer: Answer, answers: Answers) -> None:
        pending.offset = answers.offset
        if answer.payloads:
            pending.payloads = answer.payloads
        self._ledger.settle(pending, outcome)

    def _rejected(
        self,
        pending: Pending,
        rejected: Rejected,
        answer: Answer,
        answers: Answers,
        partition: Partition | None,
        link: Link,
    ) -> None:
        code = rejected.code
        if (
            code == "DEADLINE_TOO_FAR"
            and pending.partition is partition
            and self._renumbered(pending, answers, link)
        ):
            return
        if code == "SESSION_ENDED" and pending.member is not None and pending.member.is_named_by(rejected):
            pending.member.end(rejected.message)
        outcome = unknown(f"it was answered {code}") if code in OF_UNKNOWN_OUTCOME else rejected
        self._settle(pending, outcome, answer, answers)

    def _renumbered(self, pending: Pending, answers: Answers, link: Link) -> bool:
        """Ask once more by the time that the answer tells: ours was wrong, and nothing was decided.

        Under a new sequence: the refusal raised this client's floor above the one that was refused.
        """
        partition, ledger = pending.partition, self._ledger
        partition.reset_mark(answers.mark_ms, link.heard_s)
        now = self._clock.now()
        if pending.renumbered or pending.abandoned or pending.deadline_s <= now:
            return False
        ledger.take(pending)
        record = pending.head + ledger.floor_bytes + pending.tail
        issued_ms = partition.wall_ms(now)
        deadline_ms = issued_ms + int((pending.deadline_s - now) * 1000)
        sequence = ledger.number()
        codec = self._codecs[partition.kind]
        pending.renumber(sequence, codec.rewrite(record, self._meta, sequence, issued_ms, deadline_ms))
        ledger.open[sequence] = pending
        if pending.phase is not QUEUED:
            pending.phase = QUEUED
            self._dispatch(pending)
        return True
