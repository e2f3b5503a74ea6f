"""The docs speak of what is there: cited tests and linked files exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CITED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINKED = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def _cited() -> list[tuple[str, str]]:
    return sorted({match for page in PAGES for match in CITED.findall(page.read_text())})


@pytest.mark.parametrize(("file", "test"), _cited())
def test_a_cited_test_exists(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), (
        f"{file} has no {test}"
    )


def test_the_guarantees_cite_tests() -> None:
    assert len(_cited()) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_linked_file_exists(page: Path) -> None:
    missing = [link for link in LINKED.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing
