"""Kafka's jars: nothing but the pinned bytes, even after a download that was cut short."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tidelock.local import jars

GOOD = b"the jar"


class Repository:
    """Stands in for jgo: one artifact, cached as jgo caches it (whatever is there is taken for whole)."""

    def __init__(self, folder: Path, served: bytes) -> None:
        self.repo_cache = folder
        self.cached_path = folder / "a.jar"
        self.served = served
        self.downloads = 0

    def project(self, group: str, artifact: str) -> Repository:
        return self

    def at_version(self, version: str) -> Repository:
        return self

    def artifact(self) -> Repository:
        return self

    def resolve(self) -> Path:
        if not self.cached_path.exists():
            self.downloads += 1
            self.cached_path.write_bytes(self.served)
        return self.cached_path


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    pin = jars.Pin("g", "a", "1", hashlib.sha256(GOOD).hexdigest())
    monkeypatch.setattr(jars, "pins", lambda: (pin,))


def _fetch(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    monkeypatch.setattr(jars, "_context", lambda: repository)
    reports: list[dict[str, object]] = []
    assert jars.fetch(reports.append) == (repository.cached_path,)
    return reports


@pytest.mark.usefixtures("pinned")
def test_a_second_start_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(tmp_path, GOOD)
    assert _fetch(repository, monkeypatch) == [{"done": 1, "total": 1, "name": "a.jar"}]
    _fetch(repository, monkeypatch)
    assert repository.downloads == 1


@pytest.mark.usefixtures("pinned")
def test_a_download_that_was_cut_short_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(tmp_path, GOOD)
    repository.cached_path.write_bytes(GOOD[:3])
    _fetch(repository, monkeypatch)
    assert repository.cached_path.read_bytes() == GOOD


@pytest.mark.usefixtures("pinned")
def test_other_bytes_than_the_pinned_are_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path, b"something else")
    with pytest.raises(ValueError, match=r"g:a:1 does not have the pinned SHA-256"):
        _fetch(repository, monkeypatch)
    assert not repository.cached_path.exists()
