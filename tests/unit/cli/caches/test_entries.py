"""`tidelock cache ...` at a worker: what goes in comes out, what is refused is said, and the exit codes."""

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Cli
from tests.unit.cli.standing import Standing
from tests.unit.client.caches.server import CacheWorker
from tidelock.cli import exits

Worker = Standing[CacheWorker]


def facts(cli: Cli, *args: str) -> Any:
    ran = cli("cache", *args, "--json")
    assert ran.code == exits.OK, ran.err
    return json.loads(ran.out)


def given(monkeypatch: pytest.MonkeyPatch, path: Path, content: bytes) -> None:
    """Make it standard input."""
    path.write_bytes(content)
    monkeypatch.setattr(sys, "stdin", path.open("rb"))


def test_a_value_is_put_with_its_tags_got_and_deleted(cli: Cli, standing: Worker) -> None:
    version = facts(cli, "put", "prices", "sku/42", "1999", "--tag", "shop/7", "--ttl", "60")["version"]
    assert cli("cache", "get", "prices", "sku/42").out == "1999\n"
    told = facts(cli, "get", "prices", "sku/42")
    assert (told["value"], told["encoding"], told["version"]) == ("1999", "utf-8", version)
    view = facts(cli, "entry", "prices", "sku/42")
    assert (view["tags"], view["bytes"]) == (["shop/7"], 4)
    assert 0 < view["expires_in_ms"] <= 60_000
    assert facts(cli, "delete", "prices", "sku/42")["deleted"] is True
    assert cli("cache", "delete", "prices", "sku/42").out == "prices: there was no sku/42\n"
    missing = cli("cache", "get", "prices", "sku/42")
    assert (missing.code, missing.out, "there is no sku/42" in missing.err) == (exits.NO, "", True)


def test_bytes_that_are_no_text_come_in_by_standard_input_and_go_out_as_they_are(
    cli: Cli, standing: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given(monkeypatch, tmp_path / "input", b"\xff\x00")
    assert cli("cache", "put", "prices", "x").code == exits.OK
    told = facts(cli, "get", "prices", "x")
    assert (told["value"], told["encoding"]) == (b64encode(b"\xff\x00").decode(), "base64")
    given(monkeypatch, tmp_path / "input", bytes(65_537))
    ran = cli("cache", "put", "prices", "x")
    assert (ran.code, ran.err.split(":")[0]) == (exits.NO, "VALUE_TOO_LARGE")


def test_a_version_that_is_not_there_is_refused(cli: Cli, standing: Worker) -> None:
    version = facts(cli, "put", "prices", "x", "1")["version"]
    for refused in (
        ("put", "prices", "x", "2", "--if-version", "0"),
        ("delete", "prices", "x", "--if-version", "1"),
    ):
        ran = cli("cache", *refused)
        assert (ran.code, ran.err.split(":")[0]) == (exits.NO, "VERSION_CONFLICT")
    assert facts(cli, "put", "prices", "x", "2", "--if-version", str(version))["version"] > version


def test_a_tag_takes_its_entries_along(cli: Cli, standing: Worker) -> None:
    for entry in ("x", "y"):
        facts(cli, "put", "prices", entry, "1", "--tag", "t")
    facts(cli, "put", "prices", "z", "1")
    assert facts(cli, "invalidate", "prices", "t")["entries"] == 2
    assert facts(cli, "show", "prices")["entries"] == 1


def test_a_file_warms_what_is_missing(cli: Cli, standing: Worker, tmp_path: Path) -> None:
    facts(cli, "put", "prices", "a", "old")
    path = tmp_path / "entries"
    path.write_text(
        '{"entry":"a","value":"new"}\n\n{"entry":"b","value":{"cents":1,"ü":null}}\n'
        '{"entry":"c","value":"/w==","encoding":"base64"}\r\n{"entry":"d","value":"text"}'
    )
    assert facts(cli, "warm", "prices", str(path), "--tag", "t") == {
        "cache": "prices", "warmed": 3, "skipped": 1,
    }  # fmt: skip
    values = {entry: facts(cli, "get", "prices", entry)["value"] for entry in "abcd"}
    assert values == {"a": "old", "b": '{"cents":1,"ü":null}', "c": "/w==", "d": "text"}
    assert facts(cli, "invalidate", "prices", "t")["entries"] == 3


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"entry":1,"value":""}', b'{"entry":"x"}', b'{"entry":"x","value":"?","encoding":"base64"}',
     b'{"entry":"x","value":"a","encoding":"latin-1"}', b"\xff"],
)  # fmt: skip
def test_a_line_that_is_no_entry_is_named_and_what_stands_before_is_in(
    cli: Cli, standing: Worker, tmp_path: Path, line: bytes
) -> None:
    path = tmp_path / "entries"
    path.write_bytes(b'{"entry":"a","value":"1"}\n' + line + b'\n{"entry":"b","value":"1"}\n')
    ran = cli("cache", "warm", "prices", str(path))
    assert (ran.code, ran.err.split(":")[0]) == (exits.NO, "LINE_UNREADABLE")
    assert "line 2: " in ran.err and "At least 1 entries" in ran.err
    assert [cli("cache", "get", "prices", entry).code for entry in "ab"] == [exits.OK, exits.NO]


def test_a_line_that_is_too_long_and_a_value_that_is_too_large_are_named(
    cli: Cli, standing: Worker, tmp_path: Path
) -> None:
    path = tmp_path / "entries"
    path.write_bytes(b"{}" + b" " * 600_000)
    ran = cli("cache", "warm", "prices", str(path))
    assert (ran.err.split(":")[0], "line 1: " in ran.err) == ("PAYLOAD_TOO_LARGE", True)
    path.write_text(json.dumps({"entry": "a", "value": "x" * 65_537}))
    ran = cli("cache", "warm", "prices", str(path))
    assert (ran.code, ran.err.split(":")[0]) == (exits.NO, "VALUE_TOO_LARGE")
    assert ": line 1: " in ran.err and ". At least 0 entries" in " ".join(ran.err.split())


def test_who_keeps_an_entry_is_shown_and_the_command_line_keeps_nothing(cli: Cli, standing: Worker) -> None:
    cache = standing.client.cache("prices")
    standing.run(cache.put("x", b"1", keep="MODIFIED"))
    (line,) = facts(cli, "entry", "prices", "x")["lines"]
    assert (line["client"], line["state"]) == ("c1", "MODIFIED")
    assert 0 < line["lease_left_ms"] <= 10_000
    shown = cli("cache", "entry", "prices", "x").out
    assert "MODIFIED" in shown and "/c1" in shown
    standing.run(cache.put("x", b"2"))
    assert cli("cache", "get", "prices", "x").out == "2\n"
    view = facts(cli, "entry", "prices", "x")
    assert [one["client"] for one in view["lines"]] == ["c1"]


def test_settings_are_made_changed_and_shown_and_the_mode_is_for_good(cli: Cli, standing: Worker) -> None:
    assert facts(cli, "create", "pages", "--relaxed", "--ttl", "60")["created"] is True
    assert facts(cli, "create", "pages", "--relaxed", "--ttl", "60")["created"] is False
    assert (
        cli("cache", "create", "pages", "--relaxed", "--ttl", "60").out
        == "pages was there already, just so: 1 shard\n"
    )
    told = facts(cli, "configure", "pages", "--read-lease", "5", "--write-policy", "THROUGH")
    assert (told["mode"], told["read_lease_ms"], told["ttl_ms"]) == ("RELAXED", 5_000, 60_000)
    again = cli("cache", "create", "pages")
    assert (again.code, again.err.split(":")[0]) == (exits.NO, "CACHE_EXISTS")
    report = facts(cli, "show", "prices")
    assert (report["settings"]["mode"], len(report["shards"])) == ("STRICT", 2)
    shown = cli("cache", "show", "prices").out
    assert "STRICT, 2 shards" in shown and "shard 1" in shown and "read_lease_ms" in shown


def test_a_cache_is_removed_and_then_unknown(cli: Cli, standing: Worker) -> None:
    facts(cli, "put", "prices", "x", "1")
    assert facts(cli, "delete-cache", "prices", "--yes")["entries"] == 1
    for words in (
        ("get", "prices", "x"),
        ("show", "prices"),
        ("entry", "prices", "x"),
        ("put", "prices", "x", "1"),
    ):
        ran = cli("cache", *words)
        assert (ran.code, ran.err.split(":")[0]) == (exits.NO, "CACHE_UNKNOWN")


@pytest.mark.parametrize(
    "args",
    [
        ("create", "p", "--shards", "65"),
        ("create", "p", "--write-policy", "NEVER"),
        ("create", "p", "--read-lease", "61"),
        ("create", "a#b"),
        ("put", "p", "x", "1", "--if-version", "-1"),
        ("warm", "p", "/nowhere/at/all"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, standing: Worker, args: tuple[str, ...]) -> None:
    assert cli("cache", *args).code == exits.USAGE
