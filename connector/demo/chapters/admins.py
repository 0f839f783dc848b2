"""What admins decide: a suspension, an approval, an undo; and what stands of it on record."""

from __future__ import annotations

import re

from connector.demo.chapters.world import ISIL, LAW, LUKASZ, READ
from connector.demo.register import changed, export
from connector.demo.stage import Story, Stuck


def suspended(story: Story) -> None:
    story.say(
        """Somebody rings as Işıl, and would like her password. The desk suspends the account until
        she comes herself."""
    )
    story.do(f"scolpass suspend {ISIL} --reason 'a strange call, case 12'")
    story.claim(
        "The account is suspended; mail still reaches her.",
        f"{READ} -b $HER -s base supannRessourceEtat",
        lambda ran: (
            sorted(ran.values("supannRessourceEtat"))
            == ["{COMPTE}S:SupannVerrouAdministratif", "{MAIL}A:SupannActif"]
        ),
    )
    story.claim(
        "slapd refuses her password.",
        "ldapwhoami -x -D $HER -y her.password",
        lambda ran: ran.status == 49,
    )
    story.say("She comes, with her card.")
    story.do(f"scolpass resume {ISIL} --reason 'she was here, case 12'")
    story.claim(
        "It is accepted again.",
        "ldapwhoami -x -D $HER -y her.password",
        lambda ran: ran.status == 0,
    )


def by_mistake(story: Story) -> None:
    law = [row["student_number"] for row in story.rows if row["step_code"] == LAW]
    without = story.rows
    for number in law:
        without = changed(without, number, status="A")
    expired = "'(supannRessourceEtat={COMPTE}I:SupannExpire)'"
    everything = (
        f"{READ} -o ldif-wrap=no '(supannEtuId=*)' '*' pwdReset pwdEndTime pwdPolicySubentry | sort"
    )
    story.say(
        f"""The register cancels a whole programme, {len(law)} students. It may be so, or it may be
        a mistake. By itself a run expires at most 2% of the accounts, or five if that is more;
        beyond that it asks."""
    )
    story.do(f"{everything} > before.txt")
    story.register("programme-closed.csv", export(without, story.year))
    held = story.do("scolpass sync", status=3)
    digest = re.search(r"--approve \\\n\s*([0-9a-f]{64})", held.stdout)
    if digest is None:
        raise Stuck("the report names no digest to approve the plan by")
    story.claim(
        "Nobody has expired.",
        f"{READ} {expired} 1.1",
        lambda ran: ran.status == 0 and not ran.entries,
    )
    story.say("Somebody reads the plan, and approves exactly that plan.")
    done = story.do(f"scolpass sync --approve {digest[1]} --reason 'programme closed, A. Roux'")
    story.claim(
        f"The {len(law)} have expired, and nobody else.",
        f"{READ} {expired} supannEtuId | grep -c supannEtuId:",
        lambda ran: ran.stdout.strip() == str(len(law)),
    )
    run = re.search(r"Run (\d+):", done.stdout)
    if run is None:
        raise Stuck("the report names no run to take back")
    story.say("The faculty rings: the programme goes on. The run is taken back at once.")
    story.do(f"scolpass undo {run[1]} --reason 'the programme goes on, A. Roux'")
    story.claim(
        "Every account is as it was, with the password that it had.",
        f"{everything} | cmp - before.txt && echo identical",
        lambda ran: ran.status == 0 and ran.stdout.strip() == "identical",
    )
    story.say(
        """The register still says that they are cancelled. Until it says something else, what was
        taken back is not done again."""
    )
    story.do("scolpass sync")
    story.claim(
        "Nobody has expired again.",
        f"{READ} {expired} 1.1",
        lambda ran: ran.status == 0 and not ran.entries,
    )


def on_record(story: Story) -> None:
    story.say("What was done, when, why and by whom is kept. Łukasz's account:")
    story.do(f"scolpass show {LUKASZ}", whole=True)
    story.say("The register mends its mistake: no enrolment is cancelled any more.")
    story.register("mended.csv", export(story.rows, story.year))
    story.do(f"{READ} entryCSN > before.ldif")
    story.do("scolpass sync")
    story.claim(
        "A sync that finds everything right writes nothing: no entryCSN has moved.",
        f"{READ} entryCSN | cmp - before.ldif && echo identical",
        lambda ran: ran.status == 0 and ran.stdout.strip() == "identical",
    )
