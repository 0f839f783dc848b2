"""What cannot be taken back is asked on a terminal: answered yes, no, by Ctrl-C or by an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.terminals import CTRL_C, CTRL_D, on_terminal
from tests.support.walk import Walk, student

NUMBER = "22600001"


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that asks, what it asks, and what it says first."""

    command: Callable[[Walk], tuple[str, ...]]
    prompt: str
    first: str
    done: Callable[[Walk], bool]


def _expired(walk: Walk) -> tuple[str, ...]:
    walk.synced([student(NUMBER)])
    walk.synced([student(NUMBER, status="A")])
    return ("erase", NUMBER, "--reason", "letter 45")


def _made(walk: Walk) -> tuple[str, ...]:
    run = walk.synced([student(NUMBER)]).run
    return ("undo", str(run), "--reason", "a test")


def _named(walk: Walk) -> tuple[str, ...]:
    walk.synced([student(NUMBER)])
    (walk.workspace.folder / "names").write_text(f"{NUMBER}\n", encoding="utf-8")
    return ("reissue", "--from", "names", "--reason", "letters were stolen")


def _is_gone(walk: Walk) -> bool:
    return not walk.people()


def _has_another_password(walk: Walk) -> bool:
    return any(row["action"] == "reissue" for row in walk.history())


ASKED = {
    "erase": Asked(_expired, "Erase this for good? [y/N]: ", "Léa Martin, expired", _is_gone),
    "undo": Asked(_made, "Undo this? [y/N]: ", "1 entry is deleted", _is_gone),
    "reissue": Asked(
        _named,
        "Continue? [y/N]: ",
        "1 line: the password of this student will be replaced",
        _has_another_password,
    ),
}
ANSWERS = {
    "yes": ("y\n", 0, True),
    "no": ("n\n", 2, False),
    "the default": ("\n", 2, False),
    "Ctrl-C": (CTRL_C, 2, False),
    "an end": (CTRL_D, 2, False),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_is_done_after_a_yes_alone(walk: Walk, name: str, answer: str) -> None:
    asked, (typed, status, done) = ASKED[name], ANSWERS[answer]
    command = asked.command(walk)
    before = walk.directory.csns()
    found = on_terminal(walk.workspace, *command, prompt=asked.prompt, answer=typed)
    assert asked.first in found.screen.partition(asked.prompt)[0]
    assert asked.done(walk) is done
    assert (walk.directory.csns() != before) is done
    assert "Traceback" not in found.screen
    assert ("othing was changed" in found.screen) is not done
    assert found.returncode == status, found.screen


@pytest.mark.parametrize("name", ASKED)
def test_a_script_is_not_asked_and_says_why_it_does_it(walk: Walk, name: str) -> None:
    """Without a terminal nothing waits: what answers is that the reason is given."""
    asked = ASKED[name]
    command = asked.command(walk)
    without = command[: command.index("--reason")]
    if name != "undo":
        refused = walk.workspace.scolpass(*without)
        assert refused.returncode == 2
        assert "reason" in refused.stderr
        assert not asked.done(walk)
    done = walk.workspace.scolpass(*command)
    assert done.returncode == 0, done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    assert asked.done(walk)


def test_yes_asks_nothing_on_a_terminal_either(walk: Walk) -> None:
    command = (*_expired(walk), "--yes")
    found = on_terminal(walk.workspace, *command, prompt="Léa Martin, expired", answer="")
    assert "[y/N]" not in found.screen
    assert (found.returncode, walk.people()) == (0, {})
