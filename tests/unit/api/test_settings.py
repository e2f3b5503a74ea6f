"""What a node is told: it does not start with what would leave it open, and says how to mend it."""

import pytest

from api.server import main
from streams.ops.starting import EXIT_CONFIGURATION

KEY = "TIDELOCK_CURSOR_KEY"


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"KAFKA": "127.0.0.1:1", "POSTGRES": "postgresql://127.0.0.1:1/none"}.items():
        monkeypatch.setenv(f"TIDELOCK_{name}", text)
    for name in (KEY, "TIDELOCK_API_DEV"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("key", [None, "", "hunter2"])
def test_without_a_secret_for_cursors_a_node_starts_in_development_only(
    key: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if key is not None:
        monkeypatch.setenv(KEY, key)
    assert main() == EXIT_CONFIGURATION
    told = capsys.readouterr().err
    assert KEY in told
    assert "openssl rand" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("name", "text"), [(KEY, "0123456789abcdef"), ("TIDELOCK_API_DEV", "1")], ids=["sealed", "development"]
)
def test_with_one_or_in_development_its_settings_are_usable(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.settings import ApiSettings

    monkeypatch.setenv(name, text)
    assert ApiSettings()


@pytest.mark.parametrize("milliseconds", ["50", "6001"])
def test_a_question_may_not_take_longer_than_its_answer_is_waited_for(
    milliseconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDELOCK_API_DEV", "1")
    monkeypatch.setenv("TIDELOCK_API_STATEMENT_MS", milliseconds)
    assert main() == EXIT_CONFIGURATION
    assert "api_statement_ms" in capsys.readouterr().err
