"""What the code may say, read from the code: the sentences that stand in a module, with holes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import connector

HOLE = "{}"
_ROOM = Path(connector.__file__).parent
_WORDS = re.compile(r"[A-Za-z]{2,} | [A-Za-z]{2,}")
_FIELD = re.compile(r"\{[a-z]*\}")  # of a text that is filled in later


def sentences(module: str, *raised: str) -> Iterator[str]:
    """The texts of more than a word in a module, without its docstrings and its errors.

    Args:
        module: as in ``core.plan``.
        raised: the exceptions whose texts count all the same.
    """
    path = _ROOM.joinpath(*module.split(".")).with_suffix(".py")
    for text in _texts(ast.parse(path.read_text(encoding="utf-8")), raised):
        if _WORDS.search(text):
            yield _FIELD.sub(HOLE, text)


def _texts(node: ast.AST, raised: tuple[str, ...]) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assert():
            return
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name not in raised:
            return
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else HOLE for p in parts)
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _texts(child, raised)
