"""One group of a subscription: its messages in play, by number, and the one that is leased. Standard library only."""

from collections.abc import Callable
from typing import Final

from streams.domain.structures.heap import SLACK, Heap, heap_of, items, pop, push
from streams.domain.value import value


@value
class Group:
    """The numbers of a group's messages, and the leased one, or 0."""

    numbers: Heap
    """Some may be out of play, but not the first; they are never much more than half."""
    size: int
    """Of the heap."""
    here: int
    """Messages in play."""
    revived: int
    """Of those, how many were redriven while the queue was resized: the group does not live here for their sake."""
    leased: int


NOBODY: Final = Group(None, 0, 0, 0, 0)


def joined(group: Group, number: int, *, revived: bool) -> Group:
    """Return the group with one more message in play."""
    return Group(
        push(group.numbers, (number,)), group.size + 1, group.here + 1, group.revived + revived, group.leased
    )


def with_leased(group: Group, number: int) -> Group:
    """Return the group with `number` as the leased message; 0: none."""
    return Group(group.numbers, group.size, group.here, group.revived, number)


def left(group: Group, in_play: Callable[[int], bool], *, revived: bool) -> Group | None:
    """Return the group after one of its messages is out of play; None: it was the last."""
    here = group.here - 1
    if not here:
        return None
    numbers, size = group.numbers, group.size
    if size > 2 * here + SLACK:
        kept = dict.fromkeys([item[0] for item in items(numbers) if in_play(item[0])])
        numbers, size = heap_of([(number,) for number in kept]), len(kept)
    while numbers is not None and not in_play(numbers[1][0]):
        numbers, size = pop(numbers), size - 1
    return Group(numbers, size, here, group.revived - revived, group.leased)
