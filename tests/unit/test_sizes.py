"""No room outgrows a reader: modules, classes, functions and parameters have bounds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector

ROOT = Path(connector.__file__).parent
MODULE, CLASS, FUNCTION, PARAMETERS = 450, 250, 60, 6

ALLOWED = {
    "edges/journal/migrations/": "a revision of the schema is a list of columns, written once",
    "cli/": "a command has a parameter for each of its options",
    "web/api/people.py": "a call has a parameter for each of its query",
    "web/api/plans.py": "a call has a parameter for each of its query",
    "core/supann_reading.py": "an account that is read has a line for each of its fields",
}


def too_large(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if text.count("\n") > MODULE:
        yield f"{text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or 0) - node.lineno + 1
        if lines > (CLASS if isinstance(node, ast.ClassDef) else FUNCTION):
            yield f"{node.name}: {lines} lines"
        if not isinstance(node, ast.ClassDef):
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            count = len(names) + len(node.args.kwonlyargs) - (names[:1] in (["self"], ["cls"]))
            if count > PARAMETERS:
                yield f"{node.name}: {count} parameters"


MODULES = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}


@pytest.mark.parametrize("name", MODULES)
def test_it_is_read_in_one_sitting(name: str) -> None:
    found = [] if name.startswith(tuple(ALLOWED)) else list(too_large(MODULES[name]))
    assert found == [], name


def test_all_of_it_is_looked_at() -> None:
    assert len(MODULES) > 200
