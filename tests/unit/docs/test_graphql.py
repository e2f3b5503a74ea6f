"""Every piece of GraphQL that a page or the banner shows is valid against the schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from tidelock.local.banner import PASTE

ROOT = Path(__file__).parents[3]
SCHEMA = build_schema((ROOT / "api" / "schema.graphql").read_text())
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SHOWN = [
    *(pytest.param(text, id=what) for what, text in PASTE),
    *(
        pytest.param(operation, id=f"{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(re.findall(r"```graphql\n(.*?)```", page.read_text(), re.DOTALL))
        for operation in re.split(r"\n(?=subscription|mutation|query|\{)", block.strip())
    ),
]


def test_pages_show_graphql() -> None:
    assert len(SHOWN) > len(PASTE)


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_is_valid(text: str) -> None:
    assert validate(SCHEMA, parse(text)) == []
