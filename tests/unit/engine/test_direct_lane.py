"""The direct lane on a real socket: every client error gets a code, and none reaches other clients."""

import asyncio
from typing import Any

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import EXCLUSIVE, AbortWait, AcquireLock, InspectLock, ReleaseLock
from streams.domain.locks.replies import LockFreed, LockHeld, LockWaiting
from streams.engine import direct_lane
from streams.engine.direct_lane import FRAMES, LADEN_BYTES, MAX_HELLO_BYTES, MAX_UNSENT_BYTES
from streams.log.envelope import decode
from streams.log.records import MAX_COMMAND_BYTES
from streams.wire.frames import MAX_FRAME_BYTES, TELLS, frame
from streams.wire.messages import Answer, Answers, Barrier, BarrierPassed, Done, EndSession, KindInfo
from tests.unit.engine.harness import turns, until
from tests.unit.engine.lane import (
    LOCKS_0,
    OPERATOR,
    SYSTEM,
    TOKEN,
    WORDS,
    RawClient,
    connected,
    encoded,
    raw,
    serving,
)

ACQUIRE = AcquireLock("k", EXCLUSIVE, 60_000)
WAIT = AcquireLock("k", EXCLUSIVE, 60_000, 60_000)


def reply(answers: Answers) -> Any:
    (answer,) = answers.answers
    return WORDS.decode_reply(answer.reply)


async def test_a_hello_is_welcomed_with_what_a_client_needs() -> None:
    async with serving() as lane, raw(lane) as client:
        client.hello()
        welcome = await client.welcome()
        assert (welcome.tenant, welcome.principal, welcome.worker) == ("dev", "app", "w1")
        assert welcome.protocol >= TELLS
        assert welcome.kinds == (KindInfo("locks", 1),)
        assert abs(welcome.mark_ms - lane.clock.wall_ms()) < 5_000


async def test_commands_are_answered_with_position_and_clocks() -> None:
    async with serving() as lane, connected(lane) as client:
        client.command(ACQUIRE, 1)
        answers = await client.answers()
        assert (answers.kind, answers.partition, answers.offset) == ("locks", 0, 2)
        assert isinstance(reply(answers), LockHeld)


async def test_frames_may_come_byte_by_byte_or_all_at_once() -> None:
    async with serving() as lane, connected(lane) as client:
        for byte in frame(encoded(ACQUIRE, 1)):
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        assert isinstance(reply(await client.answers()), LockHeld)
        both = frame(encoded(InspectLock("k"), 2)) + frame(encoded(InspectLock("k"), 3))
        client.writer.write(both)
        sequences: list[int] = []
        while len(sequences) < 2:
            sequences += [answer.sequence for answer in (await client.answers()).answers]
        assert sequences == [2, 3]


# ── hello ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"token": "wrong"}, "UNAUTHENTICATED"),
        ({"token": ""}, "UNAUTHENTICATED"),
        ({"token": "x" * 10_000}, "UNAUTHENTICATED"),
        ({"protocol": 2}, "PROTOCOL"),
        ({"protocol": 0}, "PROTOCOL"),
        ({"client": ""}, "BAD_META"),
        ({"client": "c" * 129}, "BAD_META"),
    ],
)
async def test_a_hello_that_is_not_acceptable_is_refused_with_a_code(
    hello: dict[str, Any], code: str
) -> None:
    async with serving() as lane, raw(lane) as client:
        client.hello(**hello)
        refused = await client.refused()
        assert (refused.sequence, refused.code) == (-1, code)
        assert await client.hung_up()


async def test_a_command_before_the_hello_is_refused() -> None:
    async with serving() as lane, raw(lane) as client:
        client.command(ACQUIRE, 1)
        assert (await client.refused()).code == "UNKNOWN_SCHEMA"
        assert await client.hung_up()
        assert len(lane.broker.log.records) == 2


async def test_a_frame_that_is_no_hello_is_refused() -> None:
    async with serving() as lane, raw(lane) as client:
        client.write(FRAMES.encode(Answers("locks", 0, 0, 0, 0, ())))
        assert (await client.refused()).code == "NO_HELLO"
        assert await client.hung_up()


async def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_lane, "HELLO_TIMEOUT_S", 0.05)
    async with serving() as lane, raw(lane) as client:
        assert (await client.refused()).code == "NO_HELLO"
        assert await client.hung_up()


async def test_who_said_hello_may_stay_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_lane, "HELLO_TIMEOUT_S", 0.05)
    async with serving() as lane, connected(lane) as client:
        async with raw(lane) as other:
            assert (await other.refused()).code == "NO_HELLO"
        client.command(ACQUIRE, 1)
        assert isinstance(reply(await client.answers()), LockHeld)


# ── hostile frames ──────────────────────────────────────────────────────────────────────────────────────────

GOOD = encoded(ACQUIRE, 1)
ABORT = encoded(AbortWait("k", 1, ()), 1)
HOSTILE = {
    "nothing": (b"", "UNKNOWN_SCHEMA"),
    "garbage": (b"GET / HTTP/1.1\r\n", "UNKNOWN_SCHEMA"),
    "truncated": (GOOD[:-1], "MALFORMED_DATA"),
    "header only": (GOOD[:10], "MALFORMED_DATA"),
    "trailing bytes": (GOOD + b"\x00", "MALFORMED_DATA"),
    "wrong fingerprint": (GOOD[:2] + bytes(8) + GOOD[10:], "UNKNOWN_SCHEMA"),
    "20 million items": (ABORT[:-1] + b"\x80\xb4\x89\x13" + bytes(1000), None),
    "an answer": (FRAMES.encode(Answers("locks", 0, 0, 0, 0, ())), "UNKNOWN_COMMAND"),
    "a log record": (bytes.fromhex("c301") + b"\x01" * 8, "UNKNOWN_SCHEMA"),
    "over 400 KiB": (GOOD[:10] + bytes(MAX_COMMAND_BYTES), "COMMAND_TOO_LARGE"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_frame_is_refused_with_a_code_and_others_go_on(name: str) -> None:
    data, code = HOSTILE[name]
    async with serving() as lane, connected(lane, client="c2") as good, connected(lane) as hostile:
        hostile.write(data)
        refused = await hostile.refused()
        assert refused.sequence == -1
        assert refused.code == code or (
            code is None and refused.code in {"MALFORMED_DATA", "TOO_MANY_VALUES"}
        )
        assert await hostile.hung_up()
        good.command(ACQUIRE, 1, client="c2")
        assert isinstance(reply(await good.answers()), LockHeld)
        assert await _decided(lane) == 1


async def _decided(lane: Any) -> int:
    records = [decode(stored.value) for stored in lane.broker.log.records]
    return sum(len(getattr(record, "decisions", ())) for record in records)


async def test_who_has_not_said_hello_costs_no_more_than_a_hello() -> None:
    async with serving() as lane, raw(lane) as client:
        client.writer.write((MAX_HELLO_BYTES + 1).to_bytes(4, "big"))
        assert (await client.refused()).code == "FRAME_TOO_LARGE"
        assert await client.hung_up()


async def test_who_does_not_read_why_it_is_hung_up_on_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_lane, "FAREWELL_S", 0.05)
    async with serving() as lane, raw(lane) as client:
        client.hello()
        await client.welcome()
        (connection,) = lane.roster._connections.values()
        transport = connection._transport
        assert transport is not None
        connection.answer(LOCKS_0, 0, 0, 0, [Answer(1, False, bytes(400_000))] * 15)
        assert transport.get_write_buffer_size() > 0
        connection.data_received(b"\xff" * 4)
        assert transport.get_write_buffer_size() > 0  # closing, but the peer has not read
        await until(lambda: not lane.roster._connections)


@pytest.mark.parametrize("size", [MAX_FRAME_BYTES + 1, 10_000_000, 2**32 - 1])
async def test_a_frame_over_the_limit_is_refused_by_its_length(size: int) -> None:
    async with serving() as lane, connected(lane) as client:
        client.writer.write(size.to_bytes(4, "big"))
        assert (await client.refused()).code == "FRAME_TOO_LARGE"
        assert await client.hung_up()


@pytest.mark.parametrize(
    ("command", "changed", "code"),
    [
        (ACQUIRE, {"tenant": "other"}, "WRONG_TENANT"),
        (ACQUIRE, {"client": "c2"}, "BAD_META"),
        (ACQUIRE, {"client": ""}, "BAD_META"),
        (ACQUIRE, {"handle": "h" * 129}, "BAD_META"),
        (AcquireLock("", EXCLUSIVE, 1_000), {}, "BAD_NAME"),
        (AcquireLock("x" * 300_000, EXCLUSIVE, 1_000), {}, "BAD_NAME"),
    ],
)
async def test_a_command_that_is_not_well_formed_is_answered_and_the_connection_stays(
    command: object, changed: dict[str, str], code: str
) -> None:
    async with serving() as lane, connected(lane) as client:
        client.command(command, 7, **changed)
        answers = await client.answers()
        assert (answers.answers[0].sequence, answers.offset) == (7, -1)
        refusal = reply(answers)
        assert isinstance(refusal, Rejected)
        assert refusal.code == code
        client.command(ACQUIRE, 8)
        assert isinstance(reply(await client.answers()), LockHeld)
        assert await _decided(lane) == 1


# ── pressure ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_beyond_its_window_a_connection_is_told_to_slow_down_and_pushes_do_not_widen_it() -> None:
    async with serving(max_in_flight=2) as lane, connected(lane) as client:
        client.command(ACQUIRE, 1, handle="a")
        held = reply(await client.answers())
        client.command(WAIT, 2, handle="b")
        assert isinstance(reply(await client.answers()), LockWaiting)
        client.command(ReleaseLock("k", held.token), 3, handle="a")
        pushed = await client.answers()
        assert [answer.sequence for answer in pushed.answers] == [3, 2]
        lane.broker.held = True
        for sequence in (4, 5, 6):
            client.command(InspectLock("other"), sequence)
        refused = await client.refused()
        assert (refused.sequence, refused.code) == (6, "OVERLOADED")
        assert refused.retry_after_ms


async def test_a_reader_that_does_not_read_is_cut_off_and_costs_a_bounded_buffer() -> None:
    async with serving() as lane, raw(lane) as client:
        client.hello()
        await client.welcome()
        (connection,) = lane.roster._connections.values()
        transport = connection._transport
        assert transport is not None
        most = _flood(connection, MAX_UNSENT_BYTES)
        assert transport.is_closing()
        assert LADEN_BYTES < most <= MAX_UNSENT_BYTES
        await until(lambda: not lane.roster._connections)


async def test_a_slow_reader_sends_nothing_new_until_it_has_read() -> None:
    async with serving() as lane, connected(lane) as client:
        (connection,) = lane.roster._connections.values()
        transport = connection._transport
        assert transport is not None
        _flood(connection, 2 * LADEN_BYTES)
        await until(lambda: not transport.is_reading())
        client.command(InspectLock("k"), 1)
        await turns()
        assert not connection._open
        while (await client.answers()).answers[0].sequence != 1:
            pass
        assert transport.is_reading()


async def test_a_reader_that_is_slow_for_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_lane, "SLOW_S", 0.05)
    async with serving() as lane, raw(lane) as client:
        client.hello()
        await client.welcome()
        (connection,) = lane.roster._connections.values()
        _flood(connection, 2 * LADEN_BYTES)
        await until(lambda: not lane.roster._connections)


def _flood(connection: direct_lane.Connection, size: int) -> int:
    """Answer more than `size` bytes that nobody asked for, or as many as are taken; return the most that waited."""
    transport, most, big = connection._transport, 0, [Answer(2, False, bytes(400_000))]
    assert transport is not None
    for offset in range(size // 400_000 + 40):
        connection.answer(LOCKS_0, offset, 0, 0, big)
        if transport.is_closing():
            break
        most = max(most, transport.get_write_buffer_size())
    return most


async def test_answers_beyond_the_frame_limit_come_in_several_frames() -> None:
    async with serving() as lane, connected(lane) as client:
        (connection,) = lane.roster._connections.values()
        large = [Answer(number, False, b"r", (bytes(128 * 1024),)) for number in range(12)]
        small = [Answer(number, False, b"r") for number in range(12, 9_000)]
        connection.answer(LOCKS_0, 5, 6, 7, large + small)
        received: list[Answer] = []
        while len(received) < 9_000:
            received += await _frame_within_the_limit(client)
        assert received == large + small


async def _frame_within_the_limit(client: RawClient) -> tuple[Answer, ...]:
    answers = await client.answers()
    assert len(FRAMES.encode(answers)) <= MAX_FRAME_BYTES
    assert (answers.offset, answers.lease_ms, answers.mark_ms) == (5, 6, 7)
    return answers.answers


# ── coming and going ────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_lost_connection_sent_is_decided_and_answered_on_the_next_one() -> None:
    async with serving() as lane:
        async with connected(lane) as first:
            lane.broker.held = True
            data = encoded(ACQUIRE, 1)
            first.write(data)
            await until(lambda: len(lane.broker.waiting) == 1)
        await until(lambda: not lane.roster._connections)
        async with connected(lane) as second:
            second.write(data)
            await turns()
            lane.broker.release()
            answers = await second.answers()
            assert isinstance(reply(answers), LockHeld)
            assert await _decided(lane) == 1


async def test_a_push_goes_to_the_clients_newest_connection() -> None:
    async with serving() as lane, connected(lane, client="c2") as other, connected(lane) as old:
        other.command(ACQUIRE, 1, client="c2")
        held = reply(await other.answers())
        old.command(WAIT, 1)
        assert isinstance(reply(await old.answers()), LockWaiting)
        async with connected(lane) as new:
            old.writer.close()
            other.command(ReleaseLock("k", held.token), 2, client="c2")
            answers = await new.answers()
            assert [answer.sequence for answer in answers.answers] == [1]
            assert isinstance(reply(answers), LockHeld)


async def test_a_client_that_speaks_from_two_places_gets_its_pushes_at_both_until_one_leaves() -> None:
    async with serving() as lane, connected(lane, client="c2") as other, connected(lane) as old:
        other.command(ACQUIRE, 1, client="c2")
        held = reply(await other.answers())
        old.command(WAIT, 1)
        assert isinstance(reply(await old.answers()), LockWaiting)
        async with connected(lane) as new:
            other.command(ReleaseLock("k", held.token), 2, client="c2")
            pushed = await old.answers()
            assert isinstance(reply(pushed), LockHeld)
            assert await new.answers() == pushed
        await until(lambda: not lane.roster._older)
        old.command(ReleaseLock("k", reply(pushed).token), 2)
        assert isinstance(reply(await old.answers()), LockFreed)


async def test_a_partition_that_is_not_owned_here_says_so() -> None:
    async with serving() as lane, connected(lane) as client:
        await lane.roster.assigned(frozenset(), {LOCKS_0: "127.0.0.1:2"})
        client.command(ACQUIRE, 1)
        refused = await client.refused()
        assert (refused.code, refused.address) == ("NOT_OWNER", "127.0.0.1:2")
        await lane.roster.assigned(frozenset(), {})
        client.command(ACQUIRE, 2)
        refused = await client.refused()
        assert (refused.code, refused.address) == ("CLAIMING", None)
        assert refused.retry_after_ms


async def test_many_clients_at_once_are_each_answered() -> None:
    async with serving() as lane:

        async def one(number: int) -> None:
            async with connected(lane, client=f"c{number}") as client:
                client.command(AcquireLock(f"k{number}", EXCLUSIVE, 60_000), 1, client=f"c{number}")
                assert isinstance(reply(await client.answers()), LockHeld)

        await asyncio.gather(*map(one, range(40)))
        assert await _decided(lane) == 40


async def test_who_has_no_role_for_a_command_is_told_which_token_it_takes_and_nothing_is_logged() -> None:
    async with serving() as lane:
        for token, principal, forbidden in (
            (TOKEN, "app", {"EndSession", "AbortWait"}),
            (OPERATOR, "operator", {"EndSession", "AbortWait"}),
            (SYSTEM, "system", set()),
        ):
            async with raw(lane) as client:
                client.hello(token=token)
                assert (await client.welcome()).principal == principal
                for sequence, command in enumerate(
                    (EndSession("locks", 0, "s9", "why"), AbortWait("k", 1, ()))
                ):
                    client.command(command, sequence)
                    answer = reply(await client.answers())
                    refused = isinstance(answer, Rejected) and answer.code == "FORBIDDEN"
                    assert refused is (type(command).__name__ in forbidden), (token, answer)
                    if refused:
                        assert "TIDELOCK_SYSTEM_TOKEN" in answer.message
        assert await _decided(lane) == 2


async def test_the_engines_own_commands_reach_the_partition_they_name() -> None:
    async with serving() as lane, connected(lane, token=SYSTEM) as client:
        client.command(ACQUIRE, 1)
        await client.answers()
        client.command(Barrier("locks", 0), 2)
        assert reply(await client.answers()) == BarrierPassed(2)
        client.command(EndSession("locks", 0, "s1", "why"), 3)
        assert reply(await client.answers()) == Done()
        client.command(InspectLock("k"), 4, session="s1")
        assert reply(await client.answers()).code == "SESSION_ENDED"


@pytest.mark.parametrize("partition", [1, -1, 2**31 - 1])
async def test_a_partition_that_there_is_not_is_refused(partition: int) -> None:
    async with serving() as lane, connected(lane) as client:
        client.command(Barrier("locks", partition), 1)
        refusal = reply(await client.answers())
        assert isinstance(refusal, Rejected)
        assert refusal.code == "WRONG_PARTITION"


async def test_a_kind_that_there_is_not_is_refused() -> None:
    async with serving() as lane, connected(lane) as client:
        client.command(Barrier("doors", 0), 1)
        assert (await client.refused()).code == "UNKNOWN_COMMAND"
        assert await client.hung_up()
