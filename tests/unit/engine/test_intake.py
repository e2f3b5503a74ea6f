"""From bytes to a pending command: decoded, placed, well formed."""

import time
from typing import Any, get_args

import pytest

from schemas.errors import SchemaError
from streams.catalog import KINDS
from streams.domain.locks.commands import EXCLUSIVE, AbortWait, AcquireLock, WaitEdge
from streams.domain.locks.kind import LOCKS
from streams.domain.nodes import commands as c
from streams.domain.queues.commands import ConfirmMoves
from streams.domain.roles import Role
from streams.engine.intake import CommandTooLarge, take_in
from streams.engine.outbox import Identity
from streams.engine.pending import Pending
from streams.log.records import MAX_COMMAND_BYTES
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import Barrier, EndSession
from streams.wire.murmur2 import partition_of
from tests.unit.engine.harness import IDENTITY, World

WORDS = Vocabulary(LOCKS)
ACQUIRE = AcquireLock("orders/42", EXCLUSIVE, 1000)
STALL_S = 0.05


def encoded(command: object = ACQUIRE, **changed: Any) -> bytes:
    return WORDS.encode_command(World().meta(sequence=1, **changed), command)


def taken(data: bytes) -> tuple[int, Pending]:
    return take_in(data, "DIRECT", WORDS, 16, IDENTITY, None)


def test_a_command_is_placed_by_the_murmur2_of_its_key() -> None:
    partition, pending = taken(encoded())
    assert pending.key == "dev/orders/42"
    assert partition == partition_of("dev/orders/42", 16)
    assert pending.refusal is None
    assert pending.command == ACQUIRE
    assert (pending.who.principal, pending.who.client, pending.who.handle) == ("app", "c1", "h")


def test_the_engines_own_commands_name_their_partition() -> None:
    partition, pending = taken(encoded(Barrier("locks", 11)))
    assert (partition, pending.key, pending.refusal) == (11, "", None)


@pytest.mark.parametrize(
    ("command", "roles"),
    [
        (AbortWait("k", 1, ()), ("SYSTEM",)),
        (EndSession("locks", 0, "n1:7", "why"), ("SYSTEM",)),
        (ConfirmMoves("q", 0, "", 1, (), ()), ("SYSTEM",)),
        (c.SweepDone("n", "n:1", 1), ("SYSTEM",)),
        (c.PullBrake(0, 0, 0, "x"), ("SYSTEM", "OPERATOR")),
        (c.EvictNode("n", "", "x"), ("OPERATOR",)),
        (c.EvictInstance("s", "i", "x"), ("SYSTEM", "OPERATOR")),
        (c.ReleaseBrake("x"), ("OPERATOR",)),
        (c.ConfigureBrake(c.BrakeSettings(1, 1, 1_000, 0, False)), ("OPERATOR",)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_some_commands_take_a_role(command: Any, roles: tuple[Role, ...]) -> None:
    (kind,) = [kind for kind in KINDS if type(command) in {spec.type for spec in kind.commands}] or [LOCKS]
    words = Vocabulary(kind)
    data = words.encode_command(World().meta(sequence=1), command)
    for role in get_args(Role):
        _, pending = take_in(data, "DIRECT", words, 1, Identity("dev", "app", (role,)), None)
        assert (pending.refusal is None) is (role in roles), (role, pending.refusal)
    _, pending = take_in(data, "TOPIC", words, 1, Identity("dev", "app"), None)
    assert pending.refusal is not None and pending.refusal.code == "FORBIDDEN"


def test_the_hash_covers_everything_but_the_floor() -> None:
    plain = taken(encoded())[1].hash
    assert taken(encoded(floor=1))[1].hash == plain
    for changed in ({"handle": "x"}, {"deadline_ms": 5}, {"session": "s"}, {"client": "c2"}):
        assert taken(encoded(**changed))[1].hash != plain
    assert taken(encoded(AcquireLock("orders/42", EXCLUSIVE, 1001)))[1].hash != plain


def test_a_command_over_400_kib_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(CommandTooLarge) as caught:
        taken(bytes(MAX_COMMAND_BYTES + 1))
    assert caught.value.code == "COMMAND_TOO_LARGE"


def test_no_hostile_command_holds_the_processor_for_50_ms() -> None:
    edges = tuple(WaitEdge("t", "l", 1, "b", 1) for _ in range(256))
    abort = encoded(AbortWait("k", 1, edges))
    array = abort.index(b"\x80\x04")
    hostile = {
        "20 million items": abort[:array] + b"\x80\xb4\x89\x13" + abort[array + 2 :],
        "many items": abort[:array] + b"\x80\xfa\x01" + bytes(MAX_COMMAND_BYTES - 2_000),
        "a name of 400 KB": encoded(AcquireLock("x" * 400_000, EXCLUSIVE, 1)),
        "a name of 10 MB": encoded(AcquireLock("x" * 10_000_000, EXCLUSIVE, 1)),
        "a client of 400 KB": encoded(client="x" * 400_000),
        "zeros": bytes(MAX_COMMAND_BYTES),
        "zeros behind a header": abort[:10] + bytes(MAX_COMMAND_BYTES - 10),
        "all continuation": abort[:10] + b"\xff" * (MAX_COMMAND_BYTES - 10),
    }
    for name, data in hostile.items():
        begun = time.process_time()
        refused = False
        try:
            refused = taken(data)[1].refusal is not None
        except (SchemaError, CommandTooLarge) as error:
            refused = bool(error.code)
        assert time.process_time() - begun < STALL_S, name
        assert refused, name
