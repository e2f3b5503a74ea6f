"""Any pulls, releases, settings and times: pulled or not is what the last of them said, and the log tells it."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.decider import Rejected
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider
from streams.domain.nodes.brake import RELEASED, evolve
from tests.unit.nodes.spec import SETTINGS, brake

steps = st.one_of(
    st.builds(lambda dead, of: c.PullBrake(min(dead, of), of, 0, "x"), st.integers(0, 9), st.integers(0, 9)),
    st.just(c.ReleaseBrake("x")),
    st.builds(
        lambda fraction, auto, armed: c.ConfigureBrake(
            replace(SETTINGS, fraction=fraction, auto_release_ms=auto, armed=armed)
        ),
        st.sampled_from([20, 50, 100]),
        st.sampled_from([0, 5_000]),
        st.booleans(),
    ),
    st.integers(1, 20_000),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=10, max_size=40))
def test_the_brake_does_what_was_said_last(history: list[Any]) -> None:
    spec, events, pulled, quiet = brake(), list[Any](), False, 0
    for step in history:
        before: Any = spec.state
        if isinstance(step, int):
            spec = spec.at(spec.now + step)
            due = decider.next_deadline(before)
            if due is None or due > spec.now:
                continue
            spec = spec.tick()
            assert spec.decision.events
            pulled, quiet = False, spec.now + before.settings.window_ms
        else:
            spec = spec.when(step)
        if isinstance(step, c.ReleaseBrake) and pulled:
            pulled, quiet = False, spec.now + before.settings.window_ms
        elif isinstance(step, c.PullBrake) and not isinstance(spec.reply, Rejected) and not pulled:
            loud = spec.now >= quiet
            pulled = step.of == 0 or (loud and before.settings.armed)
            quiet = spec.now + before.settings.window_ms if step.of and loud else quiet
        events += spec.decision.events
        assert spec.state.pulled is pulled  # type: ignore[union-attr]
        assert spec.state.quiet_until == quiet  # type: ignore[union-attr]
    state = RELEASED
    for event in events:
        state = evolve(state, event)
    assert state == spec.state
