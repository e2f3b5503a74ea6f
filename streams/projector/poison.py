"""Finding the decisions that a read model cannot take, and what is left of the commit without them.

What a fold or a sink refuses is refused for a reason in the data, so a prefix of a commit that holds the decision
fails and a shorter one does not: bisection finds the first, then the next, until the rest is taken.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.ports import Loaded, ProjectionStore, RowRefused
from streams.projections.projection import Fold, Projection

Attempt: TypeAlias = Callable[[frozenset[int]], Awaitable[Exception | None]]
"""Tries the commit without these decisions; returns what refused it."""


class FoldFailed(Exception):
    """A fold raised, and its state is worth nothing any more. What it raised is the cause."""

    code = "FOLD_FAILED"

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"a fold raised {cause!r}.")


class NoDecision(Exception):
    """A commit is refused, but none of its decisions is the cause: a bug of the read model or of its sink."""

    code = "NO_DECISION"

    def __init__(self, what: str, cause: Exception) -> None:
        super().__init__(
            f"{what}: {cause}. No single decision is the cause, so none can be put aside. Nothing is written until a "
            "release that mends it is started."
        )


def restored(projection: Projection, where: PartitionId, vocabulary: Vocabulary, loaded: Loaded) -> Fold:
    """Return a fold that goes on from what was loaded. Raises `NoDecision`."""
    fold = projection.fold(where, vocabulary)
    try:
        for table, rows in loaded.rows.items():
            fold.restore(table, rows)
    except Exception as error:
        raise NoDecision(f"{projection.name} {where} cannot be restored", error) from error
    return fold


async def culprits(
    what: str, count: int, attempt: Attempt, known: Mapping[int, Exception] = MappingProxyType({})
) -> dict[int, Exception]:
    """Return those of a commit's `count` decisions without which it is taken, with the errors. Raises `NoDecision`.

    An attempt restores a whole partition, so what is `known` to be bad is not looked for.
    """
    found = dict(known)
    while (error := await attempt(frozenset(found))) is not None:
        rest = await attempt(frozenset(range(count)))
        if rest is not None:
            raise NoDecision(what, rest)
        passes, fails = 0, count  # lengths of a commit's beginning
        while fails - passes > 1:
            middle = (passes + fails) // 2
            failed = await attempt(frozenset(found).union(range(middle, count)))
            if failed is None:
                passes = middle
            else:
                fails, error = middle, failed
        if fails - 1 in found:
            raise NoDecision(what, error)
        found[fails - 1] = error
    return found


def attempts(
    store: ProjectionStore,
    projection: Projection,
    vocabulary: Vocabulary,
    loaded: Loaded,
    accepted: AcceptedCommit,
) -> Attempt:
    """Return what tries to fold and write `accepted` on top of what was loaded, and leaves nothing behind."""

    async def attempt(aside: frozenset[int]) -> Exception | None:
        fold = restored(projection, accepted.where, vocabulary, loaded)
        try:
            fold.commit(accepted.without(aside), aside)
            changes = fold.take()
        except Exception as error:  # whatever it is: it is this commit's
            return error
        try:
            await store.rehearse(projection, accepted.where, loaded.checkpoint, changes)
        except RowRefused as error:
            return error
        return None

    return attempt
