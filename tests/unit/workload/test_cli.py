"""`tidelock workload queue` and `cache`: what they say of themselves, and wrong use."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Cli, cli
from tidelock.cli import exits

__all__ = ["cli"]


@pytest.mark.parametrize("workload", ["queue", "cache"])
def test_its_help_shows_an_example(cli: Cli, workload: str) -> None:
    ran = cli("workload", workload, "--help")
    assert ran.code == exits.OK
    assert f"Example: tidelock workload {workload} --trace" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    "args",
    [
        ("--trace", "/dev/null"), ("--trace", "/nowhere.csv"), (), ("--trace", __file__, "--fail", "1"),
        ("--trace", __file__, "--shards", "65"), ("--trace", __file__, "--producers", "0"),
        ("--trace", __file__, "--prefetch", "10001"), ("--trace", __file__),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_use_is_2(cli: Cli, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("TIDELOCK_WORKERS", "127.0.0.1:1")
    assert cli("workload", "queue", *args).code == exits.USAGE


@pytest.mark.parametrize(
    "args",
    [
        ("--trace", "/nowhere.csv"), (), ("--trace", __file__, "--nodes", "0"), ("--trace", __file__, "--mode", "lax"),
        ("--trace", __file__, "--shards", "65"), ("--trace", __file__, "--keep", "shared"), ("--trace", __file__),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_use_of_caches_is_2(cli: Cli, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("TIDELOCK_WORKERS", "127.0.0.1:1")
    assert cli("workload", "cache", *args).code == exits.USAGE
