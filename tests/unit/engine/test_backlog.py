"""The backlog against a deque and a sum."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.backlog import Backlog
from streams.engine.pending import Pending
from tests.unit.engine.harness import World
from tests.unit.engine.toy import Put

WORLD = World()
COMMANDS = [WORLD.pending(Put("k", bytes(size))) for size in (0, 10, 5_000)]
STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "appendleft", "popleft", "clear"]), st.integers(0, 2)),
    max_size=40,
)


@given(STEPS)
def test_it_is_a_deque_that_knows_its_bytes(steps: list[tuple[str, int]]) -> None:
    backlog, model = Backlog(), deque[Pending]()
    for name, number in steps:
        if name == "clear":
            backlog.clear()
            model.clear()
        elif name == "popleft":
            if model:
                assert backlog.popleft() is model.popleft()
        else:
            getattr(backlog, name)(COMMANDS[number])
            getattr(model, name)(COMMANDS[number])
        assert list(backlog) == list(model)
        assert len(backlog) == len(model)
        assert backlog.bytes == sum(pending.size for pending in model)
