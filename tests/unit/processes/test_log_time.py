"""The time of logs: about the brokers' clocks, and never standing still."""

from streams.log.positions import PartitionId
from streams.processes.sweeper.log_time import LogTime

A, B = PartitionId("nodes", 0), PartitionId("nodes", 1)


def test_while_the_brokers_clock_goes_on_it_is_the_time() -> None:
    time = LogTime()
    told = [
        time.at(A, append, lease) for append, lease in ((1_000, 7), (1_010, 16), (1_500, 505), (1_501, 506))
    ]
    assert told == [1_000, 1_010, 1_500, 1_501]


def test_after_its_step_back_lease_time_goes_on() -> None:
    time = LogTime()
    assert time.at(A, 5_000, 100) == 5_000
    assert time.at(A, 5_000, 400) == 5_300
    assert time.at(A, 5_200, 900) == 5_800
    assert time.at(A, 9_000, 901) == 9_000


def test_while_nobody_decides_the_brokers_clock_goes_on() -> None:
    time = LogTime()
    time.at(A, 5_000, 100)
    assert time.at(A, 65_000, 101) == 65_000


def test_partitions_have_times_of_their_own() -> None:
    time = LogTime()
    assert (time.at(A, 5_000, 100), time.at(B, 6_000, 9)) == (5_000, 6_000)
    assert (time.at(A, 5_001, 101), time.at(B, 6_000, 10)) == (5_001, 6_001)
