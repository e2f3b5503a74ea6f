"""Any offers, checks, ends of sessions and watches: a service holds what a dict would, each watch is told once."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.decider import TIMER, Context, Rejected, Requester, Tick
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider
from streams.domain.nodes import events as e
from streams.domain.nodes.service import NO_SERVICE, Service, instance_bytes
from streams.domain.session import SessionGone
from streams.replay.nodes.invariants import NodeInvariants
from tests.property.verified import Verified
from tests.unit.nodes.spec import SERVICE, check, offer, sealed

sessions = st.sampled_from([sealed(each) for each in ("n1:1", "n1:2", "n2:1")])
ids = st.sampled_from(["i1", "i2", "i3"])
spoken = st.one_of(
    st.builds(lambda i, z: offer(i, zone=z), ids, st.sampled_from(["", "z1"])),
    st.builds(lambda i, ok, streak: check(ok, streak, i), ids, st.booleans(), st.integers(1, 4)),
    st.builds(lambda i, weight: c.UpdateInstance(SERVICE, i, weight, (), 0), ids, st.integers(0, 2)),
    st.builds(lambda i: c.DeregisterInstance(SERVICE, i), ids),
)
"""What is said for a session."""
steps = st.one_of(
    st.tuples(sessions, spoken),
    st.builds(SessionGone, sessions, st.just("SILENT 1")),
    st.builds(lambda known, wait: ("watch", known, wait), st.booleans(), st.integers(1, 90)),
    st.builds(lambda sequence: c.WithdrawWatch(SERVICE, sequence), st.integers(0, 60)),
    st.integers(1, 60),
)


class World:
    """One service and the oracle: who watches since which version, and what each version held."""

    def __init__(self) -> None:
        self.state: Any = NO_SERVICE
        self.now, self.number, self.sequence = 0, 1, 0
        self.contents: dict[int, dict[str, e.Instance]] = {0: {}}
        self.waiting: dict[int, tuple[int, int]] = {}
        """By sequence: the known version, and until when."""
        self.events: list[e.Event] = []
        self.verified = Verified(NodeInvariants())

    def decide(self, command: Any, session: str = "") -> Any:
        before = self.state
        self.sequence += 1
        who = Requester("alice", "c", "", self.sequence, session)
        if isinstance(command, Tick | SessionGone):
            who = TIMER
        decision = decider.decide(command, who, before, Context(self.now, 0, self.number))
        self.verified.tell(
            f"service:{SERVICE}", command, who, self.now, self.number, decision.events, decision.reply,
            waiting=decision.waiting,
        )  # fmt: skip
        for event in decision.events:
            self.state = decider.evolve(self.state, event)
            self.settled(event)
        assert decision.after is None or decision.after == self.state
        self.number += len(decision.events)
        self.events += decision.events
        if self.state.instances != before.instances:
            assert self.state.version != before.version
        assert self.contents.setdefault(self.state.version, self.state.instances) == self.state.instances
        return decision.reply

    def settled(self, event: e.Event) -> None:
        settled = decider.settles(event)
        if settled is None:
            return
        known, until = self.waiting.pop(settled.sequence)
        reply: Any = settled.reply
        if isinstance(reply, Rejected):
            assert reply.code == "WATCH_WITHDRAWN"
            return
        assert reply.version == self.state.version
        assert reply.changed is (known != reply.version)
        assert reply.changed or until <= self.now

    def watch(self, knows: bool, wait_ms: int) -> None:
        version = self.state.version
        known = version if knows else version + 1
        reply = self.decide(c.WatchService(SERVICE, known, wait_ms))
        if knows:
            self.waiting[self.sequence] = (known, self.now + wait_ms)
        else:
            assert (reply.version, reply.changed) == (version, True)

    def pass_time(self, by_ms: int) -> None:
        self.now += by_ms
        due = decider.next_deadline(self.state)
        if due is not None and due <= self.now:
            before = len(self.events)
            self.decide(Tick())
            assert len(self.events) > before

    def check(self) -> None:
        state = self.state
        assert state.bytes == sum(map(instance_bytes, state.instances.values()))
        assert (state.version == 0) is (not state.instances)
        assert [watch.sequence for watch in state.watches] == sorted(self.waiting)
        assert all(known == state.version for known, _ in self.waiting.values())
        assert set(decider.sessions_of(state)) == {each.session for each in state.instances.values()}
        assert (state is NO_SERVICE) is (not state.instances and not state.watches)
        soonest = min((until for _, until in self.waiting.values()), default=None)
        assert decider.next_deadline(state) == soonest


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=20, max_size=60))
def test_a_service_does_what_the_oracle_foretells(history: list[Any]) -> None:
    world = World()
    for step in history:
        match step:
            case ("watch", knows, wait_ms):
                world.watch(knows, wait_ms)
            case int():
                world.pass_time(step)
            case (str(session), command):
                world.decide(command, session)
            case SessionGone():
                world.decide(step)
                assert step.session not in decider.sessions_of(world.state)
            case _:
                world.decide(step)
        world.check()
    assert world.verified.complaints == []
    state: Any = NO_SERVICE
    for event in world.events:
        state = decider.evolve(state, event)
    assert state == world.state
    assert isinstance(state, Service)
