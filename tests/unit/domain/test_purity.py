"""What the domain may not do, read from its source: clocks, randomness, I/O, sets, floats, other packages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import streams.domain

ROOT = Path(streams.domain.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
PURE_MODULES = (
    *("base64", "bisect", "collections", "dataclasses", "enum", "functools", "hashlib", "heapq", "itertools"),
    *("math", "operator", "types", "typing", "zlib"),
    "immutables",  # persistent maps, as pure as tuples
)
IMPURE_BUILTINS = (
    *("set", "frozenset", "float", "hash", "id", "vars", "globals"),
    *("open", "input", "print", "eval", "exec"),
)


def faults(source: str) -> list[str]:
    return [f"{node.lineno}: {fault}" for node in ast.walk(ast.parse(source)) for fault in _faults(node)]  # type: ignore[attr-defined]


def _faults(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"import {name.name}" for name in names if not _allowed(name.name))
        case ast.ImportFrom(module=module) if not _allowed(module or "."):
            yield f"import {module}"
        case ast.Name(id=name, ctx=ast.Load()) if name in IMPURE_BUILTINS:
            yield name
        case ast.Set() | ast.SetComp():
            yield "a set"
        case ast.Constant(value=float()):
            yield "a float"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "a division that makes a float"
        case ast.Global() | ast.AsyncFunctionDef() | ast.Await():
            yield type(node).__name__
        case _:
            return


def _allowed(module: str) -> bool:
    return module.startswith("streams.domain") or module.split(".", maxsplit=1)[0] in PURE_MODULES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_domain_is_pure(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from random import random",
        "import os.path",
        "from datetime import datetime",
        "import uuid",
        "from streams.log import chain",
        "from . import x",
        "for x in {1, 2}: pass",
        "y = {x for x in ()}",
        "y = set()",
        "y = frozenset(z)",
        "y = 0.5",
        "y = a / b",
        "y /= b",
        "y = float(x)",
        "print()",
        "y = hash(x)",
        "async def f(): pass",
    ],
)
def test_the_check_sees_each_fault(source: str) -> None:
    assert faults(source) != []
