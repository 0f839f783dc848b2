"""The list of commands, which is shown before any of them is imported."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from connector.cli.app import Commands, app
from connector.cli.lazy import load
from connector.cli.look import HISTORY_ACTIONS

RUNNER = CliRunner()


@pytest.mark.parametrize("name", Commands.entries)
def test_a_line_of_the_list_is_how_the_commands_own_help_begins(name: str) -> None:
    entry = Commands.entries[name]
    command = load(entry)[name]
    own = inspect.cleandoc(command.help or "").split("\n\n")[0]
    assert entry.help == " ".join(own.split())


def test_every_command_is_in_the_list() -> None:
    found = {name for entry in Commands.entries.values() for name in load(entry)}
    assert found == set(Commands.entries)


def test_the_help_names_every_command_in_the_order_of_the_list() -> None:
    said = RUNNER.invoke(app, ["--help"])
    assert said.exit_code == 0
    lines = [line.strip("│ ") for line in said.output.partition("Commands")[2].splitlines()]
    named = [line.split()[0] for line in lines if line and line.split()[0] in Commands.entries]
    assert named == list(Commands.entries)


@pytest.mark.parametrize(
    "arguments", [["show", "--help"], ["events", "retry", "--help"], ["export", "--help"]], ids=str
)
def test_a_command_says_its_own_help(arguments: list[str]) -> None:
    said = RUNNER.invoke(app, arguments, prog_name="scolpass")
    assert said.exit_code == 0
    assert f"Usage: scolpass {' '.join(arguments[:-1])}" in said.output


def test_a_command_that_is_misspelt_is_refused_with_the_nearest_one() -> None:
    said = RUNNER.invoke(app, ["resinc"])
    assert said.exit_code == 2
    assert "resync" in said.output


def test_an_option_that_there_is_not_is_refused_by_the_command() -> None:
    said = RUNNER.invoke(app, ["show", "--nothing"])
    assert said.exit_code == 2
    assert "--nothing" in said.output


def test_completion_offers_the_commands_with_their_lines() -> None:
    group = get_command(app)
    with typer.Context(group, info_name="scolpass") as context:
        offered = {one.value: one.help for one in group.shell_complete(context, "re")}
    assert set(offered) == {"resync", "reissue", "resume", "rename", "rebuild"}
    assert offered["resume"] == "End a suspension."


def _recorded() -> set[str]:
    """The actions that the code records in the history by their names."""
    found = set()
    for path in Path(inspect.getfile(Commands)).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_note = node.func.attr in ("record", "record_each") and len(node.args) > 1
                if is_note and isinstance(node.args[1], ast.Constant):
                    found.add(str(node.args[1].value))
    return found


def test_the_history_can_be_asked_for_every_action_that_is_recorded() -> None:
    recorded = _recorded()
    assert {"approve", "print", "rotate"} <= recorded
    assert recorded <= set(HISTORY_ACTIONS)
