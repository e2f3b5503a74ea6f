"""The frame splitter: any chunking gives the same frames; an announced size is refused by itself."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.frames import MAX_FRAME_BYTES, FrameSplitter, FrameTooLarge, frame


@st.composite
def chunked(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    records = draw(st.lists(st.binary(max_size=20), max_size=12))
    stream = b"".join(map(frame, records))
    cuts = draw(st.lists(st.integers(0, len(stream)), max_size=20))
    edges = [0, *sorted(cuts), len(stream)]
    return records, [stream[a:b] for a, b in itertools.pairwise(edges)]


@given(chunked())
def test_any_chunking_gives_the_same_records(case: tuple[list[bytes], list[bytes]]) -> None:
    records, chunks = case
    splitter = FrameSplitter()
    assert [record for chunk in chunks for record in splitter.feed(chunk)] == records


def test_an_unfinished_frame_waits() -> None:
    splitter = FrameSplitter()
    assert splitter.feed(frame(b"abcd")[:-1]) == []
    assert splitter.feed(b"d") == [b"abcd"]


def test_a_frame_at_the_limit_passes() -> None:
    assert FrameSplitter(limit=8).feed(frame(bytes(8))) == [bytes(8)]


@pytest.mark.parametrize("size", [MAX_FRAME_BYTES + 1, 10 * 1024 * 1024, 2**32 - 1])
def test_a_frame_over_the_limit_is_refused_by_its_announcement_alone(size: int) -> None:
    with pytest.raises(FrameTooLarge) as caught:
        FrameSplitter().feed(size.to_bytes(4, "big"))
    assert (caught.value.size, caught.value.limit) == (size, MAX_FRAME_BYTES)
    assert caught.value.code == "FRAME_TOO_LARGE"


def test_a_frame_over_the_limit_is_refused_behind_a_good_one_in_the_same_chunk() -> None:
    with pytest.raises(FrameTooLarge):
        FrameSplitter(limit=8).feed(frame(b"good") + frame(bytes(9)))
