"""Errors: stable codes, the part's name and log, and a cure that fits."""

from __future__ import annotations

from pathlib import Path

from tidelock.local import errors

LOG = Path("logs/kafka-0.log")


def test_every_error_has_a_code_of_its_own() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = [kind.code for kind in classes if issubclass(kind, errors.LocalStackError)]
    assert len(codes) == len(set(codes)) == 8


def test_a_failed_part_names_itself_its_log_and_its_last_lines() -> None:
    failure = errors.PartFailed("kafka-0", "ended while starting", LOG, ("one", "two"))
    assert all(word in str(failure) for word in ("kafka-0", str(LOG), "one", "two"))
    assert failure.part == "kafka-0"


def test_a_full_disk_is_recognised() -> None:
    failure = errors.PartFailed("postgres", "ended", LOG, ("FATAL: No space left on device",))
    assert "disk space" in failure.cure


def test_an_unknown_cause_points_to_the_log() -> None:
    assert str(LOG) in errors.PartFailed("redis", "ended", LOG, ("?",)).cure


def test_a_changed_broker_count_says_which_number_works() -> None:
    assert "--brokers 1" in str(errors.BrokerCountChanged(Path("h"), have=1, wanted=3))
