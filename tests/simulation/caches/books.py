"""The books of caches: the log's lines, and what clients believe while it grows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from streams.domain.caches import events as e
from streams.domain.caches.commands import WriteBack
from streams.log.records import Commit, LoggedDecision
from tests.simulation.caches.lines import Shard
from tests.simulation.invariants import Judge, Sent
from tests.simulation.subject import commands_of
from tidelock.workload.consistency.entry_log import EntryLog
from tidelock.workload.consistency.judge import judge

if TYPE_CHECKING:
    from tests.simulation.caches.subject import CacheSubject
    from tests.simulation.caches.users import Believed


class CacheBooks:
    """Strict: nobody believes a line whose value is over, ever; and nothing that was read was stale."""

    def __init__(self, keeper: Judge, subject: "CacheSubject") -> None:
        self.log = EntryLog()
        self.shards: dict[str, Shard] = {}
        self._judge = keeper
        self._subject = subject

    def decided(
        self,
        commit: Commit,
        decision: LoggedDecision,
        events: Sequence[Any],
        first: int,
        sent_at: float,
        asked: Sequence[Sent],
    ) -> None:
        """Check and fold one decision of an accepted commit."""
        _ = sent_at
        key, backs = decision.key, commands_of(asked, WriteBack)
        shard = self.shards.get(key)
        if shard is None:
            shard = self.shards[key] = Shard(key, self._subject.strict, self._judge.fail)
        for number, event in enumerate(events, first):
            self.log.event(key, event)
            shard.fold(event, backs, commit.lease_ms)
            if self._subject.strict:
                self._beliefs(key, event, number)

    def _beliefs(self, key: str, event: Any, number: int) -> None:
        """Say what no client may believe any more, at this true time."""
        match event:
            case e.EntryWritten() | e.EntryDeleted():
                names: tuple[str, ...] = (event.entry,)
            case e.EntriesRemoved():
                names = event.entries
            case e.LineGranted():
                self._owners(key, event.entry)
                return
            case _:
                return
        for name in names:
            for each in self._subject.believed(key, name):
                if each.token < number and each.client not in self._judge.trust.revoked:
                    self._judge.fail(f"{each} is believed after {event}, event {number}")

    def _owners(self, key: str, entry: str) -> None:
        revoked = self._judge.trust.revoked
        believed = [each for each in self._subject.believed(key, entry) if each.client not in revoked]
        owners = [each for each in believed if each.state != "SHARED"]
        modified: list[Believed] = [each for each in owners if each.state == "MODIFIED"]
        if len(owners) > 1 or (modified and len(believed) > 1):
            self._judge.fail(f"two believe that they own {entry}: {believed}")

    def compare(self, key: str, state: Any) -> None:
        """Check the fold."""
        if key in self.shards and not state.closing:
            self.shards[key].compare(state)

    def read_stale(self) -> list[str]:
        """Return what the product's checker has to say of all that was read and written.

        Whose session was taken from it may read what it has until it hears of that: it is left out.
        """
        revoked = self._judge.trust.revoked
        done = [each for each in self._subject.journal.operations if each.client not in revoked]
        verdict = judge(self.log, done)
        if not self._subject.strict:
            found = [each for each in verdict.violations if each.code in ("OTHER_VALUE", "NOT_IN_LOG")]
            return [str(each) for each in found]
        return [str(each) for each in verdict.violations]
