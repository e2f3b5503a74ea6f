"""How often a message is moved from queue to queue: dead-letter queues may lead in a circle."""

from dataclasses import replace

from streams.domain.queues import commands as c
from streams.domain.queues.inspect import attached
from streams.domain.queues.limits import MAX_HOPS
from streams.domain.queues.replies import MessageBody
from tests.unit.queues.spec import Spec, nack, new, peek, put, queue, redrive, take

TIRED = c.Origin("other", "0.1.2", "r", 3, hops=MAX_HOPS)


def origin_in(spec: Spec) -> c.Origin | None:
    looked = spec.when(peek())
    (body,) = attached(looked.state, looked.reply)
    assert isinstance(body, MessageBody)
    return body.origin


def test_the_ninth_move_is_refused() -> None:
    queue().when(put(new(origin=TIRED))).stands(m1="READY")
    queue().when(put(new(), new(origin=replace(TIRED, hops=MAX_HOPS + 1)))).refuses("DEAD_LETTER_LOOP")


def test_whoever_redrives_a_message_lets_it_be_moved_as_often_again() -> None:
    dead = queue(max_attempts=1).when(put(new(origin=TIRED))).when(take(1)).when(nack((1, 3)))
    assert origin_in(dead) == TIRED
    for redriven in (dead.when(redrive()), dead.when(redrive(to="third"))):
        assert origin_in(redriven) == replace(TIRED, hops=0)
