"""Cursors: what was sealed opens again, on every node; whatever else is none."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import BadCursor
from api.subscriptions.cursor import CursorCodec, Place
from streams.log.positions import PartitionId
from streams.log.records import Genesis


def codec(log_id: bytes = b"i" * 16, generation: int = 1, key: bytes = b"") -> CursorCodec:
    def genesis_of(where: PartitionId) -> Genesis:
        return Genesis(log_id, generation, "locks", where.partition, 1024, 0)

    return CursorCodec("locks", key, genesis_of)


def opened(one: CursorCodec, tenant: str, cursor: str) -> dict[PartitionId, Place]:
    return one.check(tenant, one.read(cursor))


PLACES = st.dictionaries(
    st.integers(0, 1023).map(lambda number: PartitionId("locks", number)),
    st.tuples(st.integers(0, 2**60), st.integers(0, 100_000)),
    min_size=1,
    max_size=20,
)
TENANTS = st.text(min_size=1, max_size=20)


@given(PLACES, TENANTS, st.binary(max_size=40))
def test_every_node_with_the_key_opens_what_another_sealed(
    places: dict[PartitionId, Place], tenant: str, key: bytes
) -> None:
    assert opened(codec(key=key), tenant, codec(key=key).seal(tenant, places)) == places


@given(PLACES, TENANTS, st.data())
def test_a_cursor_that_was_changed_cut_or_made_up_is_none(
    places: dict[PartitionId, Place], tenant: str, data: st.DataObject
) -> None:
    cursor = codec().seal(tenant, places)
    raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    changed = urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    cut = cursor[: data.draw(st.integers(0, len(cursor) - 1))]
    for forged in (changed, cut, cursor + "A", cursor + "=", cursor + " "):
        with pytest.raises(BadCursor):
            opened(codec(), tenant, forged)


@given(
    st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: urlsafe_b64encode(raw).decode()))
)
def test_whatever_else_is_no_cursor(text: str) -> None:
    with pytest.raises(BadCursor):
        opened(codec(), "dev", text)


BEGUN = {PartitionId("locks", 3): (17, 2)}


@pytest.mark.parametrize(
    "foreign",
    [codec(log_id=b"j" * 16), codec(generation=2), codec(key=b"another")],
    ids=["log", "generation", "key"],
)
def test_a_cursor_of_another_log_generation_or_key_is_none(foreign: CursorCodec) -> None:
    cursor = foreign.seal("dev", BEGUN)
    assert opened(foreign, "dev", cursor) == BEGUN
    with pytest.raises(BadCursor):
        opened(codec(), "dev", cursor)


def test_a_cursor_of_another_tenant_is_none() -> None:
    with pytest.raises(BadCursor):
        opened(codec(), "other", codec().seal("dev", BEGUN))


def test_a_cursor_as_long_as_a_body_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(BadCursor):
        opened(codec(), "dev", "A" * 5_000_000)
