"""The fast encoding of commits is the schema's, and a command's own meta bytes stand in it as they came."""

from dataclasses import replace

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


@given(METAS.filter(lambda meta: 0 <= meta.sequence < 64))
def test_a_meta_that_takes_more_bytes_than_it_must_means_the_same_in_a_commit(meta: CommandMeta) -> None:
    plain = encode_meta(replace(meta, floor=0))
    longer = b"\x80\x00" + plain[1:]
    decision = LoggedDecision("TOPIC", "app", replace(meta, floor=0), b"", "X", "k", False, (), b"")
    bare = Commit(b"o" * 16, b"p" * 32, 7, 0, 0, 1, None, ())
    assert decode(encode_commit(bare, [encode_row(decision, longer)])) == replace(bare, decisions=(decision,))
