"""README and architecture are true: what they name exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from connector.errors import ScolpassError

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATE = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="they speak of a checkout, as it is developed"
)


def _layers() -> list[list[str]]:
    """The order of the rooms, as `make check` holds it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["id"] == "layers")
    return [re.findall(r"\w+", layer) for layer in layers]


def test_the_picture_of_the_rooms_is_the_order_that_is_checked() -> None:
    picture = re.search(r"```\n(cli\n.*?)```", ARCHITECTURE, re.DOTALL)
    assert picture is not None
    assert [re.findall(r"\w+", line) for line in picture[1].splitlines()] == _layers()


def test_each_room_has_its_paragraph() -> None:
    described = re.findall(r"(?m)^### `(\w+)`$", ARCHITECTURE)
    rooms = {
        path.stem
        for path in (ROOT / "connector").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists())
        and not path.stem.startswith("_")
    }
    assert sorted(described) == sorted(rooms)


def test_the_files_that_a_paragraph_names_are_in_its_room() -> None:
    paragraphs = re.findall(r"(?ms)^### `(\w+)`\n(.*?)(?=^##)", ARCHITECTURE)
    for room, text in paragraphs:
        there = {path.name for path in (ROOT / "connector" / room).rglob("*")}
        for name in re.findall(r"`(\w+(?:\.py|/))`", text):
            assert name.rstrip("/") in there | {p.name for p in (ROOT / "connector").iterdir()}, (
                room,
                name,
            )


def test_the_commands_it_names_exist() -> None:
    from connector.cli.app import Commands

    commands = set(Commands.entries)
    texts = [README, OPERATE, (ROOT / "docs/install.md").read_text(encoding="utf-8")]
    named = {name for text in texts for name in re.findall(r"`scolpass ([a-z]+)", text)}
    assert named
    assert named <= commands


def test_the_make_targets_they_name_exist() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):.*?## ", (ROOT / "Makefile").read_text()))
    for text in (README, CONTRIBUTING):
        assert set(re.findall(r"make ([a-z-]+)\b", text)) <= targets


def test_the_exit_statuses_it_names_are_those_of_the_errors() -> None:
    section = OPERATE.partition("\n## ")[0]
    named = {int(status) for status in re.findall(r"(?m)^\| (\d) \|", section)}
    raised: set[int] = set()
    classes = [ScolpassError]
    while classes:
        error = classes.pop()
        raised.add(error.exit_status)
        classes.extend(error.__subclasses__())
    assert named == raised | {0, 3}


PAGES = [
    *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_a_page_links_to_are_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len(README.encode()) <= 6000
