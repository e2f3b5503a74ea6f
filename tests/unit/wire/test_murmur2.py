"""murmur2 agrees with Kafka, byte for byte: a key that hashes differently has another owner."""

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.murmur2 import murmur2, partition_of

GOLDEN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From UtilsTest.testMurmur2 of Apache Kafka (Java prints the hash as a signed int)."""


@pytest.mark.parametrize(("data", "signed"), GOLDEN.items())
def test_golden_vectors_of_kafkas_own_test(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed & 0xFFFFFFFF


@given(st.binary(max_size=40))
def test_agrees_with_aiokafka_on_any_bytes(data: bytes) -> None:
    assert murmur2(data) == aiokafka_murmur2(data) & 0xFFFFFFFF


def test_a_partition_is_the_positive_hash_modulo_the_count() -> None:
    assert partition_of("abc", 4) == 479470107 % 4
    assert partition_of("foobar", 64) == ((-790332482) & 0x7FFFFFFF) % 64


@given(st.text(max_size=30), st.integers(1, 1024))
def test_a_partition_is_in_range(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
