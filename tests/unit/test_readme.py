"""The README and the map of the code are true: what they name exists."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from connector.errors import ScolpassError

ROOT = Path(__file__).parents[2]
MAPPED = ("connector", "deploy", "config", "tests", "benchmarks", "docs")
README = (ROOT / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the map is of a checkout, as it is developed"
)


def _map() -> list[str]:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    return re.findall(r"(?m)^\| `([^`]+)` \|", text)


def _tree() -> list[str]:
    files = (path for top in MAPPED for path in (ROOT / top).rglob("*") if path.is_file())
    names = (path.relative_to(ROOT) for path in files)
    return sorted(
        str(name)
        for name in names
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
    )


def test_every_line_of_the_map_names_a_file() -> None:
    tree = _tree()
    gone = [p for p in _map() if not any(fnmatch(name, p) for name in tree)]
    assert not gone


def test_no_line_of_the_map_stands_twice() -> None:
    patterns = _map()
    assert len(patterns) == len(set(patterns))


def test_the_commands_it_names_exist() -> None:
    from connector.cli.app import app

    commands = {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    } | {group.name for group in app.registered_groups}
    texts = [README, (ROOT / "docs/operations.md").read_text(encoding="utf-8")]
    named = {name for text in texts for name in re.findall(r"`scolpass ([a-z]+)", text)}
    assert named
    assert named <= commands


def test_the_make_targets_it_names_exist() -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):.*?## ", (ROOT / "Makefile").read_text()))
    assert set(re.findall(r"make ([a-z]+)\b", README)) <= targets


def test_the_exit_statuses_it_names_are_those_of_the_errors() -> None:
    section = README.partition("## Exit statuses")[2].partition("\n## ")[0]
    named = {int(status) for status in re.findall(r"(?m)^\| (\d) \|", section)}
    raised: set[int] = set()
    classes = [ScolpassError]
    while classes:
        error = classes.pop()
        raised.add(error.exit_status)
        classes.extend(error.__subclasses__())
    assert named == raised | {0, 3}


def test_the_files_it_links_to_are_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
