"""Later semesters: bad rows and feeds, a fee that bounces, a marriage, another year."""

from __future__ import annotations

from connector.demo.chapters.world import ANA, CAMILLE, DOMAIN, INES, LUKASZ, READ, dn
from connector.demo.register import changed, export
from connector.demo.stage import Story


def refused_rows(story: Story) -> None:
    _bad_rows(story)
    _bad_feeds(story)


def _bad_rows(story: Story) -> None:
    camille = next(row for row in story.rows if row["student_number"] == CAMILLE)
    newcomer = camille | {"usual_name": "", "status": "E", "step_code": "L1CHI", "address": ""}
    ana = newcomer | {
        "student_number": ANA,
        "family_name": "García",
        "first_name": "Ana",
        "birth_date": "09/05/2008",
    }
    bad = changed(story.rows, CAMILLE, birth_date="31/02/2007", step_code="L1CHI")
    bad += [
        ana | {"student_number": "22600054", "first_name": "Zo\0e"},
        ana | {"student_number": "*)(uid=*"},
        ana,
    ]
    story.say(
        """The next export has three bad rows: a birthday on 31 February, a NUL character in a
        name, an LDAP filter for a student number. Its last row is a new student's, and good."""
    )
    story.register("bad-rows.csv", export(bad, story.year))
    story.do("scolpass sync", status=1)
    story.claim(
        "The new student has her account.",
        f"{READ} '(supannEtuId={ANA})' mail",
        lambda ran: ran.value("mail") == f"ana.garcia@{DOMAIN}",
    )
    story.claim(
        "The student with the impossible birthday keeps what she has.",
        f"{READ} '(supannEtuId={CAMILLE})' supannOIDCDateDeNaissance supannEtuEtape",
        lambda ran: (
            ran.value("supannOIDCDateDeNaissance") == "2007-10-20"
            and ran.value("supannEtuEtape").endswith("L1BIO")
        ),
    )
    known = len({row["student_number"] for row in story.rows if row["status"] == "E"}) + 1
    story.claim(
        "No account was made of the other two rows.",
        f"{READ} '(supannEtuId=*)' 1.1 | grep -c ^dn:",
        lambda ran: ran.stdout.strip() == str(known),
    )
    story.rows.append(ana)


def _bad_feeds(story: Story) -> None:
    whole = export(story.rows, story.year)
    story.say("Before the next two exports, which are no good, the directory's state is noted.")
    story.do(f"{READ} entryCSN > before.ldif")
    story.say("The first breaks off in the middle of its last line.")
    story.register("cut-short.csv", whole[:-24], shows="tail -n 1 enrolments.csv; echo")
    story.do("scolpass sync", status=4)
    third = story.rows[: len({row["student_number"] for row in story.rows}) // 3]
    story.say(f"The second is well formed, but only {len(third)} students, a third, are in it.")
    story.register("a-third.csv", export(third, story.year))
    story.do("scolpass sync", status=4)
    story.claim(
        "Neither feed changed anything: every entryCSN is that of before.",
        f"{READ} entryCSN | cmp - before.ldif && echo identical",
        lambda ran: ran.status == 0 and ran.stdout.strip() == "identical",
    )


def cancelled(story: Story) -> None:
    story.say("Łukasz's fee bounces, and the register cancels his enrolment (A, for annulée).")
    shows = f"grep {LUKASZ} enrolments.csv"
    without = changed(story.rows, LUKASZ, status="A")
    story.register("cancelled.csv", export(without, story.year), shows=shows)
    story.do("scolpass sync")
    story.claim(
        "His account is expired, and his mail with it.",
        f"{READ} -b $HIM -s base supannRessourceEtat",
        lambda ran: (
            sorted(ran.values("supannRessourceEtat"))
            == ["{COMPTE}I:SupannExpire", "{MAIL}I:SupannExpire"]
        ),
    )
    story.claim(
        "slapd refuses his password.",
        "ldapwhoami -x -D $HIM -y his.password",
        lambda ran: ran.status == 49,
    )
    story.say("He pays, and the enrolment is valid again.")
    story.register("paid.csv", export(story.rows, story.year), shows=shows)
    story.do("scolpass sync")
    story.claim(
        "He is back where he was, active.",
        f"{READ} -b $HIM -s base supannRessourceEtat",
        lambda ran: (
            sorted(ran.values("supannRessourceEtat"))
            == ["{COMPTE}A:SupannActif", "{MAIL}A:SupannActif"]
        ),
    )
    story.claim(
        "His own password opens again.",
        "ldapwhoami -x -D $HIM -y his.password",
        lambda ran: ran.status == 0 and ran.says(dn(LUKASZ)),
    )


def a_new_name(story: Story) -> None:
    lukasz = next(row for row in story.rows if row["student_number"] == LUKASZ)
    story.rows = changed(story.rows, INES, usual_name="Haddad")
    story.rows.append(lukasz | {"academic_year": str(story.year + 1), "step_code": "L2INF"})
    story.say(
        """Inès Moreau marries, and the register has her usual name now, in both her rows. Łukasz
        enrols for the year after this one."""
    )
    story.register(
        "a-new-name.csv",
        export(story.rows, story.year),
        shows=f"grep -e Haddad -e {LUKASZ} enrolments.csv",
    )
    story.do("scolpass sync", whole=True)
    story.claim(
        "Her name has changed; her uid and her address have not.",
        f"{READ} '(supannEtuId={INES})' displayName supannNomDeNaissance uid mail",
        lambda ran: (
            ran.value("displayName") == "Inès Haddad"
            and ran.value("supannNomDeNaissance") == "Moreau"
            and ran.value("uid") == f"e{INES}"
            and ran.value("mail") == f"ines.moreau@{DOMAIN}"
        ),
    )
    later = f"{story.year + 2}1231"
    story.claim(
        f"His account lasts a year longer now, to 31 December {story.year + 2}.",
        f"{READ} -b $HIM -s base supannRessourceEtatDate pwdEndTime",
        lambda ran: (
            len(ran.values("supannRessourceEtatDate")) == 2
            and all(value.endswith(f":{later}") for value in ran.values("supannRessourceEtatDate"))
            and ran.value("pwdEndTime") == f"{later}230000Z"
        ),
    )
