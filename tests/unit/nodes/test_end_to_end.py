"""Nodes on the engine: gathered beats are one small decision for many keys, and a replay holds the same."""

from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.names import session_of
from streams.domain.nodes.replies import Heard, NodeJoined, ServiceInstances, ServiceWatched, Watching
from streams.engine.batch import Batch
from streams.log.accept import LogHead
from streams.log.envelope import decode, encode
from streams.log.fold import PartitionState
from streams.log.records import Commit, Record
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import EndSession
from tests.unit.engine.harness import IDENTITY, WALL, World
from tests.unit.log.records import GENESIS, claim
from tests.unit.nodes.spec import NAME, SERVICE, beat, check, join, offer, watch

WORDS = Vocabulary(NODES)


SESSION = session_of(NAME, 1, IDENTITY.principal)


class Bench(World):
    """A partition of nodes, commits on it, and a reader that folds them."""

    def __init__(self) -> None:
        super().__init__(WORDS)
        self.state, self.replayed = PartitionState(WORDS), PartitionState(WORDS)
        self.state.generation = self.replayed.generation = 1
        self.head = LogHead()
        begun: tuple[Record, ...] = (GENESIS, claim())
        for offset, record in enumerate(begun):
            assert self.head.accept(offset, record, encode(record)) is None
        self.state.undo.recording = True

    def commit(self, *commands: Any, lease_ms: int = 0, tick: str = "") -> Batch:
        """Heartbeats are gathered, all else is decided one by one."""
        batch = Batch(WORDS, self.state, self.head, lease_ms, WALL + 5_000)
        beats = tuple([self.pending(each) for each in commands if isinstance(each, c.Heartbeat)])
        if beats:
            assert batch.coalesce(beats, WORDS.specs[c.Heartbeat])
        for command in commands:
            assert isinstance(command, c.Heartbeat) or batch.add(self.pending(command, session=SESSION))
        if tick:
            batch.timers.tick(tick)
        batch.seal()
        self.head = batch.head
        record = decode(batch.record)
        assert isinstance(record, Commit)
        self.replayed.commit(record)
        assert batch.failures == []
        assert self.replayed.keys == self.state.keys
        return batch


def replies(batch: Batch) -> list[Any]:
    return [WORDS.decode_reply(answer.reply) for _, answer in batch.deliveries]


def test_beats_of_many_nodes_are_one_decision() -> None:
    bench = Bench()
    names = [f"n{number}" for number in range(40)]
    joined = replies(bench.commit(*[join(name=name) for name in names]))
    assert all(isinstance(each, NodeJoined) for each in joined)
    beats = [beat(each.session, name=name) for name, each in zip(names, joined, strict=True)]
    batch = bench.commit(*beats, lease_ms=700)
    assert replies(batch) == [Heard(700)] * 40
    assert len(batch.decisions) == 1
    assert len(batch.record) < 40 * 40
    assert {state.pulse.at for state in bench.state.keys.values()} == {700}


def test_silence_ends_a_session_and_the_node_is_forgotten() -> None:
    bench = Bench()
    (joined,) = replies(bench.commit(join(name="n1")))
    bench.commit(tick="dev/n1", lease_ms=2_500)
    bench.commit(tick="dev/n1", lease_ms=5_000)
    assert bench.state.keys["dev/n1"].member is None
    bench.commit(c.SweepDone("n1", joined.session, 1), lease_ms=5_001)
    bench.commit(tick="dev/n1", lease_ms=605_000)
    assert bench.state.keys == {}


def test_a_change_takes_the_instances_to_whoever_waits() -> None:
    bench = Bench()
    offered, waits = replies(bench.commit(offer(), watch(bench.state.context(0, 1).token(0))))
    assert waits == Watching(waits.ticket, offered.version)
    batch = bench.commit(offer("i2"), lease_ms=1)
    ((settlement, answer),) = batch.pushes
    changed = WORDS.decode_reply(answer.reply)
    assert settlement.sequence == 2
    (payload,) = answer.payloads
    assert changed == ServiceWatched(changed.version, changed=True)
    instances = tuple(bench.state.keys[f"dev/service:{SERVICE}"].instances.values())
    assert WORDS.decode_reply(payload) == ServiceInstances(changed.version, instances)


def test_the_instances_are_encoded_once_for_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    (offered,) = replies(bench.commit(offer()))
    bench.commit(*[watch(offered.version) for _ in range(50)])
    encoded, encode_reply = list[object](), WORDS.encode_reply

    def counting(reply: object) -> bytes:
        encoded.append(type(reply))
        return encode_reply(reply)

    monkeypatch.setattr(WORDS, "encode_reply", counting)
    batch = bench.commit(offer("i2"), offer("i3"), lease_ms=1)
    assert len({answer.payloads for _, answer in batch.pushes}) == 1
    assert len(batch.pushes) == 50
    assert encoded.count(ServiceInstances) == 1
    assert batch.attached_bytes == 50 * len(batch.pushes[0][1].payloads[0])


def test_an_ended_session_speaks_no_more_for_its_instances() -> None:
    bench = Bench()
    bench.commit(offer(), EndSession("nodes", 0, SESSION, "SILENT 9"))
    refused = replies(bench.commit(offer("i2"), check(False, 3), c.DeregisterInstance(SERVICE, "i1")))
    assert [each.code for each in refused] == ["SESSION_ENDED"] * 3


def test_the_brake_releases_itself() -> None:
    bench = Bench()
    settings = c.BrakeSettings(50, 3, 10_000, 60_000, armed=True)
    bench.commit(c.ConfigureBrake(settings), c.PullBrake(0, 0, 0, "maintenance"))
    assert bench.state.keys["dev/brake"].pulled
    bench.commit(tick="dev/brake", lease_ms=60_000)
    assert not bench.state.keys["dev/brake"].pulled
