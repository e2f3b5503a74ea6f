"""What the environment says of TLS, as commands see it."""

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli
from tidelock.cli import exits
from tidelock.cli.tls import TlsUnusable, client_tls

COMMANDS = (
    ("lock", "acquire", "x"), ("lock", "show", "x"), ("lock", "release", "x", "--token", "1", "--client", "c"),
    ("workload", "demo", "--seconds", "0"),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_a_file_that_is_not_there_is_wrong_usage_in_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TIDELOCK_WORKERS", "127.0.0.1:1")
    monkeypatch.setenv("TIDELOCK_TLS_CA", "/nowhere.pem")
    ran = cli(*command, "--home", str(tmp_path))
    assert (ran.code, ran.out, ran.err.count("\n")) == (exits.USAGE, "", 1)
    assert "TIDELOCK_TLS_CA=/nowhere.pem" in ran.err


@pytest.mark.parametrize(
    "named",
    [
        {"TIDELOCK_TLS_CLIENT_CERT": "c", "TIDELOCK_TLS_CLIENT_KEY": "k"},
        {"TIDELOCK_TLS_CA": "system", "TIDELOCK_TLS_CLIENT_CERT": "c"},
        {"TIDELOCK_TLS_CA": "system", "TIDELOCK_TLS_CLIENT_CERT": "/c", "TIDELOCK_TLS_CLIENT_KEY": "/k"},
        {"TIDELOCK_TLS_CA": __file__},
    ],
)
def test_what_cannot_be_used_is_named(named: dict[str, str]) -> None:
    with pytest.raises(TlsUnusable, match="TIDELOCK_TLS_"):
        client_tls(named)
