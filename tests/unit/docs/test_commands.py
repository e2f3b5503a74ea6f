"""Every command of `tidelock` that a page, a panel, an alert or an error names is there, with the options it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from deploy.grafana.asked import boards, rules
from tidelock.cli.deferred import Deferred
from tidelock.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
CODE = sorted(
    path for folder in ("api", "storage", "streams", "tidelock") for path in (ROOT / folder).rglob("*.py")
)
SPAN = re.compile(r"`tidelock ([^`]+)`")
LINE = re.compile(r"^(?:\$ )?tidelock (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
IN_CODE = re.compile(r"`tidelock ([a-z][a-z -]*)")
"""Of a message only the words at the beginning: it may go on in another literal, or with what is filled in."""
OPTION = re.compile(r"--[a-z][a-z-]*|-[a-z]")
GLOBAL = {"--help", "-h"}
TOP = get_group(app)


def shown(text: str) -> Iterator[str]:
    """Yield the commands of a page: those in its prose, and the lines of its blocks."""
    prose = BLOCK.sub("", text)
    yield from SPAN.findall(prose)
    for block in BLOCK.findall(text):
        yield from LINE.findall(block)


def told_by_grafana() -> Iterator[tuple[str, str]]:
    for name, board in boards().items():
        for each in (board, *board["panels"]):
            yield f"{name}: {each.get('title')}", each.get("description") or ""
    for rule in rules():
        yield rule["uid"], " ".join(rule["annotations"].values())


def wrong_in(command: str, *, whole: bool = True) -> str | None:
    """Return what `tidelock` would not take of a command; None: nothing. `whole`: it is not cut off."""
    words = re.split(r"\s[|#]|\s--\s", f"{command} ")[0].split()
    at: TyperCommand | TyperGroup = TOP
    while words and isinstance(at, TyperGroup):
        missing = [each for each in words[0].split("|") if each not in at.commands]
        if missing:
            return missing[0]
        found = at.commands[words.pop(0).split("|")[0]]
        at = found.itself() if isinstance(found, Deferred) else found  # type: ignore[assignment]
    known = GLOBAL.union(*(each.opts + each.secondary_opts for each in at.params))
    unknown = [each for each in words if OPTION.fullmatch(each) and each not in known]
    return unknown[0] if whole and unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_has_somebody_type_is_there(page: Path) -> None:
    assert {each: wrong for each in shown(page.read_text()) if (wrong := wrong_in(each))} == {}


def test_what_grafana_has_somebody_type_is_there_and_is_marked_as_code() -> None:
    found = [(where, text, SPAN.findall(text)) for where, text in told_by_grafana()]
    assert sum(len(commands) for *_, commands in found) > 20
    assert [(where, each) for where, _, some in found for each in some if wrong_in(each)] == []
    assert [where for where, text, _ in found if re.search(r"(?<!`)\btidelock [a-z]", text)] == []


def test_what_an_error_has_somebody_type_is_there() -> None:
    found = [(path, each) for path in CODE for each in IN_CODE.findall(path.read_text())]
    assert len(found) > 50
    assert [(str(path), each) for path, each in found if wrong_in(each, whole=False)] == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("lock show orders/42 --json", None),
        ("queue create|put|take", None),
        ("lock acquire orders/42 -- make --nothing", None),
        ("log tail locks --follow | head -c 9", None),
        ("projection list      # --what there is", None),
        ("state locks a --at -5m", None),
        ("lock deadlocks", "deadlocks"),
        ("queue create|fill", "fill"),
        ("window list locks --top 5", "--top"),
        ("unlock a", "unlock"),
    ],
)
def test_what_is_not_there_is_noticed(command: str, wrong: str | None) -> None:
    assert wrong_in(command) == wrong
