"""The fast encoding of Answers frames is the schema's."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import bind
from streams.wire.answers import answers_prefix, answers_record
from streams.wire.messages import Answer, Answers

FRAMES = bind("wire", (Answers,))
LONGS = st.integers(-(2**63), 2**63 - 1)


@given(
    LONGS,
    LONGS,
    LONGS,
    st.lists(
        st.builds(
            Answer,
            LONGS,
            st.booleans(),
            st.binary(max_size=300),
            st.lists(st.binary(max_size=200), max_size=3).map(tuple),
        ),
        min_size=1,
        max_size=300,
    ),
)
def test_fast_answers_are_the_schemas_bytes(
    offset: int, lease_ms: int, mark_ms: int, answers: list[Answer]
) -> None:
    fast = answers_record(answers_prefix(FRAMES, "locks", 3, offset, lease_ms, mark_ms), answers)
    assert fast == FRAMES.encode(Answers("locks", 3, offset, lease_ms, mark_ms, tuple(answers)))
