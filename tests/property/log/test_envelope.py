"""The fast encoding of commits is the schema's, and a command's own meta bytes stand in it as they came."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import HEADER
from schemas.messages import bind
from schemas.meta import CommandMeta
from streams.log.envelope import decode, encode, encode_commit, encode_meta, encode_row
from streams.log.records import Commit, Lane, LoggedDecision, Source
from streams.wire.messages import Barrier

LONGS = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=80)
METAS = st.builds(
    CommandMeta, LONGS, TEXT, TEXT, LONGS, TEXT, LONGS, LONGS, st.none() | TEXT, st.none() | TEXT
)
LANES: list[Lane] = ["DIRECT", "TOPIC", "TIMER", "ENGINE"]
DECISIONS = st.builds(
    LoggedDecision, st.sampled_from(LANES), TEXT, METAS, st.binary(max_size=16), TEXT, TEXT, st.booleans(),
    st.lists(st.binary(max_size=200), max_size=3).map(tuple), st.binary(max_size=200),
)  # fmt: skip
SOURCES = st.none() | st.builds(Source, LONGS, LONGS, st.binary(min_size=32, max_size=32))


@given(LONGS, LONGS, SOURCES, st.lists(DECISIONS, max_size=80))
def test_rows_make_the_schemas_bytes(
    lease_ms: int, mark_ms: int, source: Source | None, decisions: list[LoggedDecision]
) -> None:
    bare = Commit(b"o" * 16, b"p" * 32, 7, lease_ms, mark_ms, 1, source, ())
    whole = Commit(b"o" * 16, b"p" * 32, 7, lease_ms, mark_ms, 1, source, tuple(decisions))
    fast = encode_commit(bare, [encode_row(one, encode_meta(one.meta)) for one in decisions])
    assert fast == encode(whole)
    assert decode(fast) == whole


@given(METAS)
def test_a_commands_meta_is_the_bytes_behind_its_header(meta: CommandMeta) -> None:
    commands = bind("wire", (Barrier,))
    data = commands.encode_command(meta, Barrier("locks", 3))
    _, _, end = commands.split_command(data)
    assert data[HEADER:end] == encode_meta(meta)
