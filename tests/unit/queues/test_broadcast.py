"""Broadcast: every subscription has every message, each in its own time, over one body."""

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues.replies import EnqueueResult, MessagesAccepted
from tests.unit.queues.spec import NAME, Spec, ack, nack, new, purge, put, queue, take


def add(name: str) -> c.AddSubscription:
    return c.AddSubscription(NAME, 0, name)


def remove(name: str, force: bool = False) -> c.RemoveSubscription:
    return c.RemoveSubscription(NAME, 0, name, force)


def two() -> Spec:
    return queue(broadcast=True).when(add("one")).when(add("two"))


def test_each_gets_each_message_and_the_body_is_kept_until_all_are_done() -> None:
    spec = two().when(put(new(b"abc"))).when(take(subscription="one")).gets(1)
    one = spec.when(ack((1, spec.reply.token), subscription="one"))
    assert one.state.bytes == 3
    last = one.when(take(subscription="two")).gets(1)
    done = last.when(ack((1, last.reply.token), subscription="two"))
    assert (done.state.bytes, len(done.state.messages), len(done.state.owed)) == (0, 0, 0)


def test_who_comes_later_gets_what_comes_later() -> None:
    spec = two().when(put(new())).when(add("three")).when(put(new()))
    spec.when(take(9, subscription="three")).gets(2).when(take(9, subscription="one")).gets(1, 2)


def test_without_subscriptions_a_message_is_accepted_and_gone() -> None:
    spec = queue(broadcast=True).when(put(new()))
    spec.answers(MessagesAccepted(1, (EnqueueResult(1, "ENQUEUED"),)))
    assert len(spec.state.messages) == spec.state.bytes == 0


def test_without_subscriptions_a_dead_letter_is_not_taken_in() -> None:
    letter = new(origin=c.Origin("old", "0.1.2", "r", 3))
    none = queue(broadcast=True).when(put(new(), letter)).refuses("NO_SUBSCRIPTIONS", "AddSubscription")
    none.when(add("one")).when(put(letter)).stands("one", m1="READY")


def test_all_who_wait_are_served() -> None:
    spec = (
        two().when(take(wait_ms=9, subscription="one"), "a").when(take(wait_ms=9, subscription="two"), "b", 2)
    )
    spec.when(put(new())).settles(("a", 1, [1]), ("b", 2, [1]))


def test_a_removed_subscription_takes_its_messages_and_its_waits_with_it() -> None:
    spec = two().when(put(new(), new())).when(take(9, subscription="one"))
    waiting = spec.when(take(wait_ms=9, subscription="one"), "w", 4)
    gone = waiting.when(remove("one")).settles(("w", 4, "QUEUE_DELETED"))
    assert gone.decision.events[0] == e.SubscriptionRemoved("one", 2)
    assert len(gone.state.messages) == 2
    gone.when(remove("one")).then()
    assert len(gone.when(remove("two")).state.messages) == 0


def test_dead_letters_go_with_their_subscription_only_by_force() -> None:
    for to, state in ((None, "DEAD"), ("late", "MOVING")):
        spec = queue(broadcast=True, max_attempts=1, dead_letter_queue=to).when(add("one"))
        spec = spec.when(put(new(), new())).when(take(subscription="one")).at(30_000).tick()
        spec.stands("one", m1=state, m2="READY")
        spec.when(remove("one")).refuses("QUEUE_NOT_EMPTY", "still holds 1 messages", "force")
        spec.when(remove("one", force=True)).then(e.SubscriptionRemoved("one", 2))


def test_a_subscription_that_still_needs_very_many_is_purged_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.shards.MAX_REMOVED", 1)
    full = two().when(put(new(), new()))
    full.when(remove("one")).refuses("QUEUE_NOT_EMPTY", "purge it down to 1")
    full.when(purge("READY", subscription="one")).when(remove("one")).then(e.SubscriptionRemoved("one", 0))


def test_names() -> None:
    two().when(add("one")).then()
    two().when(add("")).refuses("BAD_ARGUMENT")
    two().when(take(subscription="")).refuses("SUBSCRIPTION_UNKNOWN")
    two().when(take(subscription="three")).refuses("SUBSCRIPTION_UNKNOWN", "three")
    queue().when(add("one")).refuses("BROADCAST_ONLY")
    queue().when(remove("one")).refuses("BROADCAST_ONLY")
    queue().when(take(subscription="one")).refuses("NOT_BROADCAST")


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.queues.shards.MAX_SUBSCRIPTIONS", 2)
    two().when(add("three")).refuses("TOO_MANY_SUBSCRIPTIONS")
    two().when(add("two")).then()


def test_leases_and_deaths_are_each_subscription_s_own() -> None:
    spec = queue(broadcast=True, max_attempts=1).when(add("one")).when(add("two")).when(put(new()))
    spec = spec.when(take(subscription="one"))
    dead = spec.at(30_000).tick()
    dead.stands("one", m1="DEAD").stands("two", m1="READY")
    dead.when(nack((1, spec.reply.token))).refuses("SUBSCRIPTION_UNKNOWN")
