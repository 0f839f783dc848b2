"""The performance: the story told from an empty folder to its end, with the sum of its claims."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from connector.clock import instant
from connector.demo import backstage
from connector.demo.chapters import CHAPTERS
from connector.demo.narrator import Narrator
from connector.demo.stage import Story, Stuck, at
from connector.errors import UsageError

_TOOLS = ("ldapsearch", "ldapwhoami", "ldapadd", "ldapmodify", "ldappasswd")


def tell(console: Console, *, keep: bool = False) -> int:
    """Tell the story; the exit status says whether every claim held.

    The directory is stopped and the folder removed (unless ``keep``) however the story ends.

    Raises:
        UsageError: slapd or OpenLDAP's client tools are not installed.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise UsageError(
            f"The demo reads the directory with {', '.join(missing)}, not installed here",
            "On Debian or Ubuntu: apt-get install ldap-utils",
        )
    narrator = Narrator(console)
    begun = time.monotonic()
    try:
        with backstage.signals_end_it(), backstage.made_folder(keep=keep) as folder:
            environment = backstage.environment(folder, narrator.width - 6)
            with backstage.Sandbox(folder, environment) as sandbox:
                sandbox.start()
                story = Story(narrator, sandbox, environment, _academic_year())
                _tell(story)
            _epilogue(story, time.monotonic() - begun, folder if keep else None)
    except backstage.Ended as ended:
        narrator.say("Ended early. The directory is stopped.")
        return ended.status
    return 1 if narrator.failed else 0


def _tell(story: Story) -> None:
    _prologue(story.narrator)
    try:
        for number, (title, chapter) in enumerate(CHAPTERS, start=1):
            story.narrator.chapter(number, title)
            chapter(story)
    except Stuck as stuck:
        story.narrator.verdict(f"the story can go on ({stuck})", holds=False)


def _prologue(narrator: Narrator) -> None:
    narrator.say(
        f"""Every line marked {narrator.holds} is a claim. Under it stand the command that was run
        to see whether it holds, most often OpenLDAP's own ldapsearch or ldapwhoami, and the answer
        (base64 decoded). A claim that does not hold is said to be so, and the demo
        ends with exit status 1."""
    )


def _epilogue(story: Story, seconds: float, kept: Path | None) -> None:
    narrator = story.narrator
    narrator.blank()
    total = narrator.held + narrator.failed
    if narrator.failed:
        narrator.say(f"{narrator.failed} of {total} claims do not hold. {seconds:.0f} s.")
    else:
        narrator.say(f"{total} claims, and all of them hold. {seconds:.0f} s.")
    narrator.say(
        """The service desk has a console. `scolpass demo --console` keeps one up for a look, with
        12,000 students in all states."""
    )
    if kept is None:
        return
    start = f"scolpass sandbox --dir {kept} --port {story.sandbox.port}"
    narrator.say(
        """The directory is stopped, and its folder kept. This starts it again, and with the
        variables of chapter 1 the commands can be run again."""
    )
    if story.told:
        narrator.say(
            f"""Its last run was made at {story.told}, and scolpass makes none before its last: it
            must be told that time, too, as in the last chapter."""
        )
        start = f"{at(story.told)} {start}"
    narrator.command(start)


def _academic_year() -> int:
    """The academic year of today, by the year in which it begins."""
    today = instant().astimezone(ZoneInfo("Europe/Paris")).date()
    return today.year if today.month >= 9 else today.year - 1
