"""The night in which accounts end: planned for today, and lived through."""

from __future__ import annotations

from connector.demo.chapters.world import ISIL, LUKASZ, READ, dn
from connector.demo.stage import Story, at


def the_last_night(story: Story) -> None:
    _planned(story)
    if story.time_can_be_moved:
        _lived_through(story)
    else:
        story.say(
            """The night itself is left out: it is lived through with libfaketime, which is not
            installed here (on Debian or Ubuntu: apt-get install faketime)."""
        )


def _planned(story: Story) -> None:
    leaving = _leaving(story)
    new_year = f"{story.year + 2}-01-01"
    story.say(
        f"""On 31 December {story.year + 1} most accounts end. Whose, the plan for the day after
        says. Nobody will be asked to approve it: that day stands in the entries beforehand."""
    )
    story.do(f"scolpass plan --at {new_year}")
    story.claim(
        f"The {leaving} who have not enrolled again leave.",
        f'scolpass plan --at {new_year} --json | grep -o \'"action": "expire"\' | grep -c .',
        lambda ran: ran.stdout.strip() == str(leaving),
    )
    story.claim(
        "Işıl does.",
        f"scolpass plan {ISIL} --at {new_year}",
        lambda ran: ran.status == 0 and ran.says("1 account expires"),
    )
    story.claim(
        "Łukasz has enrolled again, and stays.",
        f"scolpass plan {LUKASZ} --at {new_year}",
        lambda ran: ran.status == 0 and ran.says("Nothing is to be changed"),
    )


def _lived_through(story: Story) -> None:
    evening = f"{story.year + 1}-12-31 23:55 CET"
    night = f"{story.year + 2}-01-01 00:05 CET"
    story.say(
        """Now the night itself. libfaketime tells slapd that it is five minutes to midnight, on
        the same data; scolpass makes a last run, and then none until the night is over."""
    )
    story.restart_at(evening)
    story.do(f"{at(evening)} scolpass sync")
    story.claim(
        "Işıl's academic year ended in August: she is in grace, since 1 September.",
        f"{READ} -b $HER -s base supannRessourceEtatDate",
        lambda ran: _ends(
            ran.values("supannRessourceEtatDate"),
            f"A:SupannSursis:{story.year + 1}0901:{story.cutoff}",
        ),
    )
    story.claim(
        "At five minutes to midnight slapd lets her in.",
        "ldapwhoami -x -D $HER -y her.password",
        lambda ran: ran.status == 0 and ran.says(dn(ISIL)),
    )
    story.restart_at(night)
    story.claim(
        "At five past midnight it does not: it goes by the day in her entry.",
        "ldapwhoami -x -D $HER -y her.password",
        lambda ran: ran.status == 49,
    )
    story.claim(
        "Łukasz it does let in.",
        "ldapwhoami -x -D $HIM -y his.password",
        lambda ran: ran.status == 0 and ran.says(dn(LUKASZ)),
    )
    story.say("Then scolpass runs again.")
    story.do(f"{at(night)} scolpass sync")
    story.claim(
        "Her account has expired, and her mail with it.",
        f"{READ} -b $HER -s base supannRessourceEtatDate",
        lambda ran: _ends(
            ran.values("supannRessourceEtatDate"), f"I:SupannExpire:{story.year + 2}0101:"
        ),
    )
    leaving = _leaving(story)
    story.claim(
        f"So have all {leaving} that were announced.",
        f"{READ} '(supannRessourceEtat={{COMPTE}}I:SupannExpire)' 1.1 | grep -c ^dn:",
        lambda ran: ran.stdout.strip() == str(leaving),
    )
    story.claim(
        "The only account still active, and the only mail still routed, is Łukasz's.",
        f"{READ} '(|(supannRessourceEtat={{COMPTE}}A:*)(supannRessourceEtat={{MAIL}}A:*))' mail",
        lambda ran: [entry["dn"] for entry in ran.entries] == [[dn(LUKASZ)]],
    )


def _leaving(story: Story) -> int:
    """How many have an account, and no enrolment for the next academic year."""
    enrolled = {row["student_number"] for row in story.rows if row["status"] == "E"}
    staying = {row["student_number"] for row in story.rows if "academic_year" in row}
    return len(enrolled - staying)


def _ends(states: list[str], end: str) -> bool:
    """Whether account and mail, and nothing else, are in this state."""
    return sorted(states) == [f"{{COMPTE}}{end}", f"{{MAIL}}{end}"]
