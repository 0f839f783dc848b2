"""What the pages name exists: every command line parses, every key is one of the configuration."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from connector.cli.app import app
from connector.core.model import FIELDS
from connector.settings.sections import Settings

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("deploy/**/*.md"),
    *ROOT.glob("examples/**/*.md"),
]
KEYS = {
    key for key, _, _ in runpy.run_path(str(ROOT / "deploy/dev/reference.py"))["_keys"](Settings)
}
TABLES = {key.rpartition(".")[0] for key in KEYS}
# Files that are named like keys.
FILES = {
    "alerts.url", "amqp.url", "console.secret", "directory.password", "journal.db",
    "journal.reservations", "mail.password", "source.url", "webhook.secrets",
}  # fmt: skip
BLOCK = re.compile(r"(?ms)^ *```(\w*)\n(.*?)^ *```")
# What stands in a text for a value of a certain kind.
FOR_EXAMPLE = {"RUN": "7", "DATE": "2027-01-01"}


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def command_lines(text: str) -> Iterator[str]:
    """The commands that a page writes out, in its lines and in its blocks."""
    for _, block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.match(
                r"\s*(?:\$ )?(?:sudo -u \w+ )?(?:\S*/)?(scolpass\s+[a-z-].*)", line
            ):
                yield found[1]
    for code in re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)):
        if found := re.match(r"(?:\w+=\S+ )*(?:sudo -u \w+ )?(?:\S*/)?(scolpass [a-z-].*)", code):
            yield found[1]


def words_of(line: str) -> list[str]:
    """The words of a command, without comment and what the shell does with its output."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word and set(word) <= set("|&;<>"):
            break
        words.append(FOR_EXAMPLE.get(word, word))
    return words[1:]


def mistake(words: list[str]) -> str:
    """What the command itself says of its words, which it parses and does not act on."""
    command: Any = typer.main.get_command(app)
    words = [word for word in words if word not in ("--help", "-h")]
    if not words:
        return ""
    try:
        context = command.make_context("scolpass", words)
        while hasattr(command, "list_commands"):
            rest = [*context._protected_args, *context.args]
            name, command, rest = command.resolve_command(context, rest)
            if not rest:
                return ""  # a page that speaks of the command, and of no use of it
            context = command.make_context(name, rest, parent=context)
    except Exception as error:  # noqa: BLE001 whatever it says, the line does not parse
        return str(error) or repr(error)
    return ""


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_the_commands_that_a_page_writes_out_parse(page: Path) -> None:
    wrong = {
        line: said
        for line in command_lines(page.read_text(encoding="utf-8"))
        # A text may speak of an option without a value.
        if (said := mistake(words_of(line))) and "requires an argument" not in said
    }
    assert not wrong


@pytest.mark.parametrize("wrong", ["scolpass resink 1", "scolpass show --all 1", "scolpass undo X"])
def test_a_command_that_does_not_exist_would_be_found(wrong: str) -> None:
    (line,) = command_lines(f"`{wrong}`")
    assert re.search("No such|valid integer", mistake(words_of(line)))


@pytest.mark.parametrize(
    ("page", "example"),
    [("connect-apogee.md", "apogee-sql"), ("connect-pegase.md", "pegase-sql")],
)
def test_a_page_has_the_query_and_the_tables_of_its_example(page: str, example: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = [tomllib.loads(block) for language, block in BLOCK.findall(text) if language == "toml"]
    [told] = [block["source"] for block in blocks if "query" in block.get("source", {})]
    file = ROOT / "examples" / example / "scolpass.toml"
    tried = tomllib.loads(file.read_text(encoding="utf-8"))["source"]
    for key in ("query", "columns", "values"):
        assert told.get(key) == tried.get(key)


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_the_keys_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for language, block in BLOCK.findall(text):
        if language == "toml":
            for key in keys_in(tomllib.loads(block)):
                # Below these stand our fields; below a field of the latter, the register's codes.
                free = re.match(r"source\.(?:columns\.([a-z_]+)$|values\.([a-z_]+)\.)", key)
                assert key in KEYS or (free and (free[1] or free[2]) in FIELDS), key
    named = re.findall(r"`\[?([a-z_]+(?:\.[a-z_]+)+)\]?(?:`| = )", BLOCK.sub("", text))
    for key in named:
        if key.split(".")[0] in TABLES and key not in FILES and not key.endswith((".py", ".cf")):
            assert key in KEYS | TABLES or key.startswith("source.values."), key
    for table in re.findall(r"`\[([a-z_.]+)\]`", text):
        tables = TABLES | {"source.columns", "source.values", "tool.importlinter"}
        assert table in tables or table.removeprefix("source.values.") in FIELDS, table


def keys_in(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from keys_in(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize("kind", ["apogee", "pegase"])
def test_the_query_that_a_page_shows_is_the_one_that_its_example_runs(kind: str) -> None:
    page = (ROOT / f"docs/connect-{kind}.md").read_text(encoding="utf-8")
    example = (ROOT / f"examples/{kind}-sql/scolpass.toml").read_text(encoding="utf-8")
    shown = next(tomllib.loads(block) for _, block in BLOCK.findall(page) if "query = " in block)
    run = tomllib.loads(example)
    assert shown["source"]["query"] == run["source"]["query"]
    assert shown["source"].get("columns") == run["source"].get("columns")
