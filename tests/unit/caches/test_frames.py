"""Whatever a cache answers fits a frame of the direct lane: the longest names, the most calls, the largest values."""

from streams.domain.arguments import MAX_NAME
from streams.domain.caches import decider
from streams.domain.caches.commands import CreateCache
from streams.domain.caches.inspect import attached, view
from streams.domain.caches.kind import CACHES
from streams.domain.caches.limits import MAX_CALLS, MAX_TAGS, MAX_VALUE
from streams.domain.caches.replies import Calls
from streams.domain.decider import Settled
from streams.engine.direct_lane import FRAMES
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.answers import answers_prefix, answers_record, split_answers
from streams.wire.frames import MAX_FRAME_BYTES
from streams.wire.messages import Answer
from tests.unit.caches.spec import NAME, SETTINGS, Spec

WORDS = Vocabulary(CACHES)
WHERE = PartitionId("caches", 63)
WIDE = 0x20000
"""From here on characters have four bytes."""


def late() -> Spec:
    """A cache whose tokens are as long as they get."""
    created = CreateCache(NAME, 0, SETTINGS)
    return Spec(decider.initial(NAME), 0, 1 << 61, None, {}, {}).when(created, "operator")


def name(number: int) -> str:
    return chr(WIDE + number) * MAX_NAME


def frames(spec: Spec, *replies: object) -> list[int]:
    """The sizes of the frames that carry these answers to one connection."""
    answers = [
        Answer(
            1 << 61, False, WORDS.encode_reply(reply),
            tuple(map(WORDS.encode_reply, attached(spec.state, reply))),
        )
        for reply in replies
    ]  # fmt: skip
    prefix = answers_prefix(FRAMES, WHERE.kind, WHERE.partition, 1 << 61, 1 << 61, 1 << 61)
    return [len(answers_record(prefix, part)) for part in split_answers(answers)]


def test_all_calls_that_a_listener_may_owe_fit_one_frame() -> None:
    spec = late().join("a")
    for number in range(MAX_CALLS):
        spec = spec.write(name(number), b"1", keep="EXCLUSIVE").write(name(number), b"2", "w").waits()
    spec = spec.listen("a")
    assert isinstance(spec.reply, Calls)
    calls = attached(spec.state, spec.reply)
    assert (spec.reply.first, spec.reply.last, len(calls)) == (1, MAX_CALLS, MAX_CALLS)
    (size,) = frames(spec, spec.reply)
    assert size <= MAX_FRAME_BYTES


def test_readers_who_are_answered_together_get_as_many_frames_as_that_takes() -> None:
    tags = tuple(name(number) for number in range(MAX_TAGS))
    spec = late().join("a").write(name(1), bytes(MAX_VALUE), keep="MODIFIED", tags=tags)
    token, readers = spec.token(name(1), "a"), [f"r{number}" for number in range(20)]
    spec = spec.join(*readers)
    for reader in readers:
        spec = spec.read(name(1), reader).waits()
    spec = spec.write_back(name(1), token, bytes(MAX_VALUE))
    replies = [one.reply for one in map(decider.settles, spec.decision.events) if isinstance(one, Settled)]
    assert 1 < len(replies) < len(readers), "a decision answers some, the next Tick goes on"
    sizes = frames(spec, *replies)
    assert len(sizes) > 1
    assert max(sizes) <= MAX_FRAME_BYTES


def test_an_entry_with_many_sharers_is_shown_in_one_frame() -> None:
    spec = late().write("x", b"1", "w")
    for number in range(120):
        reader = name(number)[:128]
        spec = spec.join(reader, session=name(number)).read("x", reader)
    shown = view(spec.state, "x")
    assert (shown.sharers, len(shown.lines)) == (120, 100)
    (size,) = frames(spec, shown)
    assert size <= MAX_FRAME_BYTES
