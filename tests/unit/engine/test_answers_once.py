"""One answer per command, on a running owner: what admission says is logged, kept and repeated."""

import pytest

from streams.domain.decider import Rejected
from streams.engine import own_commands
from streams.wire.messages import NO_COMMIT, Barrier, BarrierPassed, Done, EndSession
from tests.unit.engine.harness import WALL, World, running, until
from tests.unit.engine.toy import Add, Arm, Counted


async def test_a_deadline_too_far_raises_the_floor_so_that_it_is_never_decided() -> None:
    async with running(World()) as world:
        refused = await world.ask(Add("k", 1), sequence=5, deadline_ms=WALL + 10**9)
        assert refused.code == "DEADLINE_TOO_FAR"
        assert world.owner.reader.state.answers.floor(("app", "c1")) == 6
        again = await world.ask(Add("k", 1), sequence=5)
        assert again.code == "STALE"
        assert await world.ask(Add("k", 1), sequence=6) == Counted(1, (1 << 48) | 1)


async def test_beyond_its_limit_a_deadline_too_far_is_refused_and_not_remembered_on_either_lane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.log.answers.MAX_FAR_CLIENTS", 1)
    century_ms = 100 * 365 * 86_400_000
    far = {"issued_ms": WALL + century_ms, "deadline_ms": WALL + century_ms + 60_000}
    async with running(World()) as world:
        first = await world.ask(Add("k", 1), sequence=1, client="a", **far)
        direct = await world.ask(Add("k", 1), sequence=2, client="b", **far)
        world.topic_command(Add("k", 1), sequence=3, client="c", **far)
        await until(lambda: world.owner.reader.head.last_source == 0)
        remembered, forgotten = world.decisions()
        topic = world.vocabulary.decode_reply(forgotten.reply)
        assert {first.code, direct.code, topic.code} == {"DEADLINE_TOO_FAR"}
        assert "is not remembered" in direct.message and "is not remembered" in topic.message
        assert "is not remembered" not in first.message
        assert (remembered.client, remembered.floor, forgotten.client, forgotten.hash) == ("a", 2, "c", b"")
        assert list(world.walked().state.answers.clients) == [("app", "a")]


async def test_an_expired_command_is_logged_as_such() -> None:
    async with running(World()) as world:
        world.clock.now += 120_000
        expired = await world.ask(Add("k", 1), issued_ms=WALL, deadline_ms=WALL + 60_000)
        assert expired.code == "EXPIRED"
        (decision,) = world.decisions()
        assert decision.events == ()
        assert world.vocabulary.decode_reply(decision.reply) == expired


async def test_a_rejection_is_an_answer_and_is_repeated() -> None:
    async with running(World()) as world:
        first = await world.ask(Add("k", 0), sequence=3)
        assert isinstance(first, Rejected)
        assert await world.ask(Add("k", 0), sequence=3) == first
        assert len(world.decisions()) == 1


async def test_another_command_under_a_used_sequence_changes_nothing() -> None:
    async with running(World()) as world:
        await world.ask(Add("k", 1), sequence=3)
        assert (await world.ask(Add("k", 2), sequence=3)).code == "SEQUENCE_REUSED"
        assert world.walked().state.state_of("dev/k").total == 1


async def test_what_no_commit_decided_is_answered_without_a_lease_time_and_with_the_mark_of_now() -> None:
    async with running(World()) as world:
        await world.ask(Add("k", 1), sequence=3)
        world.clock.now += 30_000
        assert (await world.ask(Add("k", 2), sequence=3)).code == "SEQUENCE_REUSED"
        offset, lease_ms, mark_ms = world.connection.commits[-1]
        assert (offset, lease_ms) == (NO_COMMIT, 0)
        assert mark_ms == world.owner.mark_ms()


async def test_it_waits_for_what_it_was_told_from() -> None:
    async with running(World()) as world:
        world.broker.held = True
        decided = world.send(Add("k", 1), sequence=3)
        await until(lambda: len(world.broker.waiting) == 1)
        world.send(Add("k", 2), sequence=3)
        world.send(Add("k", 1), sequence=4)
        await until(lambda: len(world.broker.waiting) == 2)
        assert world.connection.answers == []
        world.broker.release()
        await until(lambda: len(world.connection.of(decided)) == 2)
        assert [offset for offset, _, _ in world.connection.commits].count(NO_COMMIT) == 1


async def test_the_mark_drops_answers_and_then_an_expired_retry_is_not_decided() -> None:
    async with running(World()) as world:
        await world.ask(Add("k", 1), sequence=3)
        world.clock.now += 120_000
        await world.ask(Add("k", 1), sequence=4)
        retried = await world.ask(Add("k", 1), sequence=3, issued_ms=WALL + 5_000, deadline_ms=WALL + 65_000)
        assert retried.code == "EXPIRED"
        assert world.walked().state.state_of("dev/k").total == 2


async def test_a_barrier_is_answered_with_the_number_of_the_next_event() -> None:
    async with running(World()) as world:
        await world.ask(Add("k", 1))
        assert await world.ask(Barrier("toys", 0)) == BarrierPassed(2)
        assert world.decisions()[-1].events == ()


async def test_an_ended_session_stays_ended_and_ending_it_again_is_nothing() -> None:
    async with running(World()) as world:
        assert await world.ask(Add("k", 1), session="s1") == Counted(1, (1 << 48) | 1)
        assert await world.ask(EndSession("toys", 0, "s1", "why")) == Done()
        assert (await world.ask(Add("k", 1), session="s1")).code == "SESSION_ENDED"
        assert await world.ask(Add("k", 1), session="s2") == Counted(2, (1 << 48) | 3)
        assert await world.ask(EndSession("toys", 0, "s1", "why")) == Done()
        assert [len(decision.events) for decision in world.decisions()] == [1, 1, 0, 1, 0]


async def test_commands_of_a_dead_node_are_refused_past_the_longest_lease() -> None:
    """However far an outage stretches lease time: here it stands almost still for days."""
    async with running(World()) as world:
        await world.ask(EndSession("toys", 0, "s1", "why"))
        day = 24 * 3_600_000
        for _ in range(3):
            world.clock.now += day + 600_001
            await world.ask(Arm("k", 5))
            assert (await world.ask(Add("k", 1), session="s1")).code == "SESSION_ENDED"
        assert world.owner.reader.state.lease_ms < day


async def test_no_more_sessions_are_ended_than_can_be_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_commands, "MAX_ENDED_SESSIONS", 2)
    async with running(World()) as world:
        for session in ("s1", "s2"):
            assert await world.ask(EndSession("toys", 0, session, "why")) == Done()
        refused = await world.ask(EndSession("toys", 0, "s3", "why"))
        assert (refused.code, refused.retry_after_ms) == ("TOO_MANY_ENDED_SESSIONS", 5_000)
        assert "leases" in refused.message
        assert await world.ask(EndSession("toys", 0, "s1", "why")) == Done(), "it is ended already"
        assert (await world.ask(Add("k", 1), session="s1")).code == "SESSION_ENDED"
