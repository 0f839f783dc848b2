"""Accounts become active: what their owners do, what the portal tells, and in which order."""

from __future__ import annotations

from connector.clock import instant
from connector.demo.chapters.world import DOMAIN, ISIL, LUKASZ, READ, SUFFIX, dn
from connector.demo.stage import Story

_ELSEWHERE = "isil@example.com"
_ISILS_MAILBOX = f"isil.yildirim@mailbox.{DOMAIN}"

_BY_HAND = f"""\
dn: {dn(ISIL)}
changetype: modify
replace: displayName
displayName: Isil Yildirim
-
add: telephoneNumber
telephoneNumber: +33 4 67 00 00 00
"""


def by_herself(story: Story) -> None:
    story.say(
        """Işıl Yıldırım has lost the letter with her provisional password. The desk hands out a
        new one, shown once. It goes into a file, because a command line can be read by everybody
        on the machine."""
    )
    story.reissue(ISIL, "lost her letter", "isil.password")
    story.export(HER=dn(ISIL))
    story.claim(
        "The password is right: slapd lets her in, and says what it expects of her.",
        "ldapwhoami -x -e ppolicy -D $HER -y isil.password",
        lambda ran: ran.status == 0 and ran.says(dn(ISIL), "Password must be changed"),
    )
    story.claim(
        "She may read nothing, not even her own entry.",
        "ldapsearch -x -LLL -D $HER -y isil.password -b $HER",
        lambda ran: ran.status == 50 and not ran.stdout and ran.says("Insufficient access (50)"),
    )
    story.claim(
        "Nor can she free herself of the obligation.",
        "printf 'dn: %s\\nchangetype: modify\\ndelete: pwdReset\\n' $HER | "
        "ldapmodify -x -D $HER -y isil.password",
        lambda ran: ran.status == 50 and ran.says("Insufficient access (50)"),
    )
    story.secret("digits.password", "654321")
    story.claim(
        "All she can do is change it; other six digits are refused.",
        "ldappasswd -x -D $HER -y isil.password -t isil.password -T digits.password",
        lambda ran: ran.status != 0 and ran.says("Constraint violation (19)"),
    )
    story.secret("her.password", "karanfil 7 sokak")
    story.claim(
        "A long enough password of her own is taken.",
        "ldappasswd -x -D $HER -y isil.password -t isil.password -T her.password",
        lambda ran: ran.status == 0,
    )
    story.claim(
        "With it she reads her entry.",
        "ldapsearch -x -LLL -D $HER -y her.password -b $HER displayName mail",
        lambda ran: ran.value("displayName") == "Işıl Yıldırım",
    )
    story.claim(
        "The provisional one is refused now.",
        "ldapwhoami -x -D $HER -y isil.password",
        lambda ran: ran.status == 49,
    )


def step_by_step(story: Story) -> None:
    story.say(
        """Somebody overwrites Işıl's displayed name by hand, and gives her a telephone number."""
    )
    story.file("by-hand.ldif", _BY_HAND)
    story.do("ldapmodify -x -y admin.password -f by-hand.ldif")
    story.say("The desk resyncs her: what a sync does for everybody, shown for one.")
    story.do(f"scolpass resync {ISIL}", whole=True)
    story.claim(
        "Her name is right again; the telephone number is not scolpass's business, and stands.",
        f"{READ} -b $HER -s base displayName telephoneNumber",
        lambda ran: (
            ran.value("displayName") == "Işıl Yıldırım" and ran.value("telephoneNumber") != ""
        ),
    )
    story.claim(
        f"""She has changed her password: the provisional policy is off, and slapd closes the
        account after 31 December {story.year + 1} (23:00 in UTC is midnight in Paris).""",
        f"{READ} -b $HER -s base pwdReset pwdPolicySubentry pwdEndTime",
        lambda ran: (
            ran.value("pwdEndTime") == f"{story.cutoff}230000Z"
            and not ran.value("pwdReset")
            and not ran.value("pwdPolicySubentry")
        ),
    )


def activated(story: Story) -> None:
    story.claim(
        "The account is still inactive.",
        f"{READ} -b $HER -s base supannRessourceEtat",
        lambda ran: ran.values("supannRessourceEtat") == ["{COMPTE}I:SupannCree"],
    )
    story.claim(
        "Anybody at the desk can see why.",
        f"scolpass show {ISIL} | grep 'sign in'",
        lambda ran: ran.says("still missing: a backup mail address, acceptance of the charter."),
    )
    story.say(
        """On the portal Işıl gives a backup mail, accepts the charter, and has her mail redirected,
        with a copy in her mailbox here. The portal writes an event of it, and moves it into the
        spool."""
    )
    backup = "isil.yildirim@example.org"
    story.event(
        "isil.json",
        _activation(
            "1001",
            f"isil.yildirim@{DOMAIN}",
            f'"backup_mail": "{backup}",',
            f'"charter": {{"version": "2026", "accepted_at": "{_now()}"}},',
            f'"forward_to": "{_ELSEWHERE}", "keep_copy": true',
        ),
    )
    story.do("scolpass sync")
    story.claim(
        "The account is active, and so is her mail.",
        f"{READ} -b $HER -s base supannRessourceEtatDate",
        lambda ran: _open(ran.values("supannRessourceEtatDate"), story.cutoff),
    )
    story.claim(
        "Backup mail and charter are in her entry.",
        f"{READ} -b $HER -s base supannMailPerso supannMailPrive scolpassCharter",
        lambda ran: (
            ran.values("supannMailPerso") == [backup]
            and ran.values("supannMailPrive") == [f"{{SECOURS}}{backup}"]
            and ran.value("scolpassCharter").startswith("2026 ")
        ),
    )
    story.claim(
        "Her mail goes where she wants it, and into her mailbox.",
        f"{READ} -b $HER -s base mailForwardingAddress",
        lambda ran: (
            sorted(ran.values("mailForwardingAddress")) == sorted([_ELSEWHERE, _ISILS_MAILBOX])
        ),
    )


def the_other_way_round(story: Story) -> None:
    story.say("Łukasz Żółć has his provisional password, too.")
    story.reissue(LUKASZ, "never had his letter", "lukasz.password")
    password = (story.folder / "lukasz.password").read_text(encoding="ascii")
    story.secret("wrong.password", f"{(int(password) + 1) % 10**6:06}")
    story.export(HIM=dn(LUKASZ))
    story.say("Somebody tries a wrong one five times.")
    story.do("for guess in 1 2 3 4 5; do ldapwhoami -x -D $HIM -y wrong.password; done", status=49)
    story.claim(
        "Now slapd refuses even the right one.",
        "ldapwhoami -x -D $HIM -y lukasz.password",
        lambda ran: ran.status == 49,
    )
    story.claim(
        "That lock has no end: the policy of provisional passwords gives it no duration.",
        f"{READ} -b cn=provisional,ou=policies,{SUFFIX} pwdMaxFailure pwdLockoutDuration",
        lambda ran: ran.value("pwdMaxFailure") == "5" and ran.value("pwdLockoutDuration") == "0",
    )
    story.say("He comes to the desk, and is given another.")
    story.reissue(LUKASZ, "locked by guesses", "lukasz.password")
    story.claim(
        "The new one opens: a reissue unlocks.",
        "ldapwhoami -x -e ppolicy -D $HIM -y lukasz.password",
        lambda ran: ran.status == 0 and ran.says("Password must be changed"),
    )
    _event_first(story)


def _event_first(story: Story) -> None:
    story.say("This time the portal's event comes first. Łukasz has nothing redirected.")
    backup = "lukasz@example.net"
    story.event(
        "lukasz.json",
        _activation(
            "1002",
            LUKASZ,
            f'"backup_mail": "{backup}",',
            f'"charter": {{"version": "2026", "accepted_at": "{_now()}"}}',
        ),
    )
    story.do("scolpass sync")
    story.claim(
        "What he gave is kept; the account waits.",
        f"{READ} -b $HIM -s base supannRessourceEtat supannMailPerso",
        lambda ran: (
            ran.values("supannRessourceEtat") == ["{COMPTE}I:SupannCree"]
            and ran.values("supannMailPerso") == [backup]
        ),
    )
    story.claim(
        "What it waits for, anybody at the desk can see.",
        f"scolpass show {LUKASZ} | grep 'sign in'",
        lambda ran: ran.says("still missing: a password of their own."),
    )
    story.secret("his.password", "gęś z jabłkami")
    story.say("Now he changes his password.")
    story.do("ldappasswd -x -D $HIM -y lukasz.password -t lukasz.password -T his.password")
    story.do("scolpass sync")
    story.claim(
        "His account is active, and so is his mail, which goes nowhere else.",
        f"{READ} -b $HIM -s base supannRessourceEtatDate mailForwardingAddress",
        lambda ran: (
            _open(ran.values("supannRessourceEtatDate"), story.cutoff)
            and not ran.values("mailForwardingAddress")
        ),
    )
    story.claim(
        "slapd lets him in, and expects nothing more of him.",
        "ldapwhoami -x -e ppolicy -D $HIM -y his.password",
        lambda ran: ran.status == 0 and not ran.says("Password must be changed"),
    )


def refused_event(story: Story) -> None:
    story.say(
        """By a slip Işıl has her mail redirected to her own address here. It would come back to
        her, and be sent on again, for ever."""
    )
    story.event(
        "loop.json",
        _event(
            "forwarding.changed",
            "1003",
            f"isil.yildirim@{DOMAIN}",
            f'"forward_to": "isil.yildirim@{DOMAIN}", "keep_copy": false',
        ),
    )
    story.do("scolpass sync", status=1)
    story.claim(
        "The event is set aside, with the reason beside it.",
        "ls spool/rejected && cat spool/rejected/loop.json.reason",
        lambda ran: ran.says("loop.json.reason", "forward_to", "inside the institution"),
    )
    story.claim(
        "The redirection that she had stands.",
        f"{READ} -b $HER -s base mailForwardingAddress",
        lambda ran: (
            sorted(ran.values("mailForwardingAddress")) == sorted([_ELSEWHERE, _ISILS_MAILBOX])
        ),
    )


def _open(states: list[str], end: str) -> bool:
    """Whether account and mail are active until ``end``, and nothing else is said of them."""
    return sorted(state.rpartition(":")[0].rpartition(":")[0] for state in states) == [
        "{COMPTE}A:SupannActif",
        "{MAIL}A:SupannActif",
    ] and all(state.endswith(f":{end}") for state in states)


def _activation(identity: str, identifier: str, *lines: str) -> str:
    return _event("account.activated", identity, identifier, *lines)


def _event(kind: str, identity: str, identifier: str, *lines: str) -> str:
    """A CloudEvent as the portal writes it."""
    data = "\n    ".join(lines)
    return f"""\
{{
  "specversion": "1.0", "id": "{identity}", "time": "{_now()}",
  "source": "https://ent.umontpellier.fr/portal",
  "type": "fr.scolpass.{kind}",
  "data": {{
    "identifier": "{identifier}",
    {data}
  }}
}}
"""


def _now() -> str:
    return f"{instant():%Y-%m-%dT%H:%M:%SZ}"
