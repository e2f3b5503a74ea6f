"""Groups while a queue is resized: where they live, and what a redrive of their dead does to that."""

from streams.domain.queues import commands as c
from streams.domain.queues.settings import QueueRoute
from tests.unit.queues.spec import NAME, Spec, accepted, ack, nack, new, put, queue, redrive, take

RESIZE = c.RouteQueue(NAME, 0, QueueRoute(2, 2, 1))
INSPECT = c.InspectQueue(NAME, 0)
MOVING = new(group="g", home=1)


def died(*groups: str) -> Spec:
    """A shard that is resized, with one dead letter of each of these groups."""
    spec = queue(max_attempts=1).when(put(*[new(group=group) for group in groups])).when(take(9))
    spec = spec.when(nack(*[(each.message, spec.reply.token) for each in spec.reply.messages]))
    return spec.when(RESIZE)


def test_a_group_that_was_given_up_does_not_live_here_again_by_a_redrive() -> None:
    spec = died("g").when(put(MOVING, epoch=2)).answers(accepted((0, "MOVED")))
    again = spec.when(redrive()).when(put(MOVING, epoch=2)).answers(accepted((0, "MOVED")))
    assert again.when(INSPECT).reply.drained
    again.when(take()).gets(1)


def test_what_is_redriven_into_a_living_group_does_not_keep_it_alive() -> None:
    spec = queue(max_attempts=1).when(put(new(group="g"), new(group="g"))).when(take())
    spec = spec.when(nack((1, spec.reply.token))).when(RESIZE).when(redrive(1))
    spec = spec.when(put(MOVING, epoch=2)).answers(accepted((3, "ENQUEUED")))
    spec = spec.when(take()).gets(1)
    spec = spec.when(nack((1, spec.reply.token)))
    for number in (2, 3):
        spec = spec.when(take()).gets(number)
        spec = spec.when(ack((number, spec.reply.token)))
    spec = spec.when(redrive(1)).when(put(MOVING, epoch=2)).answers(accepted((0, "MOVED")))
    assert spec.when(INSPECT).reply.drained


def test_what_was_redriven_before_the_resize_is_drained_like_any_other() -> None:
    spec = died("g").when(c.RouteQueue(NAME, 0, QueueRoute(3, 2, 2))).when(redrive())
    spec = spec.when(c.RouteQueue(NAME, 0, QueueRoute(4, 3, 2)))
    spec.when(put(new(group="g", home=2), epoch=4)).answers(accepted((2, "ENQUEUED")))
    assert not spec.when(INSPECT).reply.drained


def test_once_drained_a_shard_stays_so() -> None:
    spec = died("g", "h").when(redrive(1))
    assert spec.when(INSPECT).reply.drained
    spec = spec.when(redrive(2)).when(take(9)).gets(1, 2)
    spec = spec.when(nack((1, spec.reply.token), (2, spec.reply.token))).when(redrive())
    assert spec.when(INSPECT).reply.drained
    ended = spec.when(c.RouteQueue(NAME, 0, QueueRoute(3, 2, 2)))
    assert ended.state.subscriptions[""].late == 0
