"""All orders there are, tried one after the other: what the checker's verdict must be, for histories of a few steps."""

from dataclasses import dataclass

from tidelock.workload.consistency.operations import Operation


@dataclass(frozen=True)
class Written:
    """A write in a log."""

    partition: int
    client: str
    entry: str
    version: int


def has_order(logs: tuple[tuple[Written, ...], ...], operations: tuple[Operation, ...]) -> bool:
    """Say whether some order keeps each log's, each clock's, and has each read return what was written last."""
    writes = {each.version: index for index, each in enumerate(operations) if each.kind == "WRITE"}
    before = [
        [i for i, one in enumerate(operations) if one.clock == each.clock and one.ended < each.began]
        for each in operations
    ]
    dead: set[tuple[tuple[int, ...], frozenset[int]]] = set()

    def ready(index: int, done: frozenset[int]) -> bool:
        return all(each in done for each in before[index])

    def current(each: Operation, at: tuple[int, ...]) -> int:
        partition = int(each.key)
        past = [one for one in logs[partition][: at[partition]] if one.entry == each.entry]
        return past[-1].version if past else 0

    def search(at: tuple[int, ...], done: frozenset[int]) -> bool:
        if len(done) == len(operations):
            return True
        if (at, done) in dead:
            return False
        for index, each in enumerate(operations):
            if (
                each.kind == "READ"
                and index not in done
                and ready(index, done)
                and current(each, at) == each.version
            ):
                return search(at, done | {index})  # to take a read as early as it goes is never worse
        for partition, log in enumerate(logs):
            if at[partition] == len(log):
                continue
            whose = writes.get(log[at[partition]].version)
            if whose is not None and not ready(whose, done):
                continue
            further = (*at[:partition], at[partition] + 1, *at[partition + 1 :])
            if search(further, done if whose is None else done | {whose}):
                return True
        dead.add((at, done))
        return False

    return search((0,) * len(logs), frozenset())
