"""Windows import nothing that has a clock, chance or I/O in it."""

import ast
from pathlib import Path

import pytest

import streams.windows

ROOT = Path(streams.windows.__file__).parent
PURE = {
    *("abc", "base64", "bisect", "collections", "dataclasses", "enum", "functools", "hashlib", "heapq", "itertools"),
    *("json", "math", "operator", "typing"),
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.name)
def test_windows_are_pure(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {each for each in imported if not each.startswith("streams.windows")} - {"streams.domain.value"}
    assert {each.split(".")[0] for each in others} <= PURE
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"hash", "id", "open", "print"}
