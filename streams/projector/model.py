"""One read model of one partition: its folds, its store, and where its poison goes. A lane moves it along."""

from collections.abc import Collection
from dataclasses import replace

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import START, Checkpoint
from streams.log.letters import Stage, letter_of_decision
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import Loaded, RowRefused
from streams.projections.projection import Fold, PoisonDecision, Projection
from streams.projections.table import Changes
from streams.projector.lane_ports import LanePorts
from streams.projector.poison import Attempt, FoldFailed, attempts, culprits, restored
from streams.projector.watch import LaneName


@value
class Begun:
    """A fold, and the checkpoint that it goes on from."""

    loaded: Loaded
    fold: Fold

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the store stands."""
        return self.loaded.checkpoint


class ReadModel:
    """What a lane and its steps do to folds."""

    def __init__(
        self, projection: Projection, where: PartitionId, vocabulary: Vocabulary, ports: LanePorts
    ) -> None:
        self.name = LaneName(projection.name, where)
        self.projection, self.where, self.vocabulary, self.store = projection, where, vocabulary, ports.store
        self.live = True
        """Whether it is the build that everybody reads."""
        self.attempts = 0
        """To find what is refused: while they go on it does not stand still."""
        self._letters, self._watch, self._told = ports.letters, ports.watch, ports.told

    async def load(self) -> Begun:
        """Return a fold that goes on from what is stored. Raises `SinkError`, `NoDecision`."""
        loaded = await self.store.load(self.projection, self.where)
        return Begun(loaded, restored(self.projection, self.where, self.vocabulary, loaded))

    async def release(self) -> None:
        """Have the store forget it: nobody here goes on from it."""
        await self.store.release(self.projection, self.where)

    async def fold(self, fold: Fold, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold a commit; decisions that do not fit what came before are put aside.

        Raises `FoldFailed`, and `LogUnavailable` if one cannot be put aside now.
        """
        while True:
            try:
                fold.commit(accepted, without)
            except PoisonDecision as poison:
                if poison.index in without:
                    raise FoldFailed(poison) from poison
                await self._put_aside(accepted, poison.index, poison)
                without = frozenset(without).union(range(poison.index + 1))
            except Exception as error:  # whatever it is: it is this commit's
                raise FoldFailed(error) from error
            else:
                return

    def take(self, fold: Fold) -> Changes:
        """Return what changed. Raises `FoldFailed`."""
        try:
            return fold.take()
        except Exception as error:
            raise FoldFailed(error) from error

    async def fold_without_culprits(self, begun: Begun, accepted: AcceptedCommit) -> None:
        """Put aside what neither fold nor store take of this commit, and fold the rest. Raises `NoDecision`."""
        attempt = attempts(self.store, self.projection, self.vocabulary, begun.loaded, accepted)
        count, malformed, before = len(accepted.commit.decisions), accepted.malformed(), self.attempts
        found = await culprits(str(self.name), count, self._counted(attempt), malformed)
        for index, error in sorted(found.items()):
            await self._put_aside(accepted, index, error, self.attempts - before)
        await self.fold(begun.fold, accepted.without(found), found)

    def _counted(self, attempt: Attempt) -> Attempt:
        async def counted(aside: frozenset[int]) -> Exception | None:
            self.attempts += 1
            return await attempt(aside)

        return counted

    async def _put_aside(
        self, accepted: AcceptedCommit, index: int, error: Exception, attempts: int = 1
    ) -> None:
        stage: Stage = "SINK" if isinstance(error, RowRefused) else "PROJECTION"
        code = getattr(error, "code", type(error).__name__)
        decision = accepted.commit.decisions[index]
        letter = letter_of_decision(
            stage, decision.tenant, self.projection.name, self.where, accepted.offset, index, accepted.time_ms,
            accepted.stored, code, str(error), attempts, decision.meta.traceparent,
        )  # fmt: skip
        if self.live or not (await self._live_has(accepted.offset) or await self._told.has(letter)):
            await self._letters.put(letter)
        self._watch.poison(self.name, accepted.position, index, error)

    async def _live_has(self, offset: int) -> bool:
        """Return whether the live build is past `offset`, so that what it put aside there has its letter.

        Of another version it says nothing of that: what the one takes, the other may put aside.
        """
        live = await self.store.positions(replace(self.projection, build=None))
        return offset < live.get(self.where, START).next_offset
