"""The real commands: what they print and to where, in which shape, and how they end."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from connector.cli.app import main
from tests.support.people import PASSWORD, put, stand
from tests.support.waiting import wait_until
from tests.support.walk import TODAY, YEAR, Walk, student, students
from tests.support.workspace import Result, Workspace

NUMBER = "22600001"

PLAN = {"digest", "counts", "changes", "rejected", "notices", "held"}
CHANGE = {"action", "student_number", "dn", "reason", "attributes"}
REJECTED = {"file", "line", "field", "value", "reason"}
SHOWN = {
    "sign_in",
    "student_number",
    "uid",
    "mail",
    "dn",
    "state",
    "since",
    "until",
    "why",
    "missing",
    "evidence",
    "enrolments",
    "history",
}
RECORDED = {
    "id",
    "run",
    "at",
    "actor",
    "action",
    "student_number",
    "reason",
    "outcome",
    "attributes",
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def her(walk: Walk, number: str = NUMBER) -> str:
    return f"uid=e{number},{walk.directory.people_dn}"


@pytest.fixture
def command(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """The command's own entrance in this process, for what does not need one of its own."""

    def run(*args: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["scolpass", *args])
        monkeypatch.setenv("SCOLPASS_CONFIG", str(walk.workspace.config))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()
        status = end.value.code
        assert isinstance(status, int)
        return Result(list(args), status, *capsys.readouterr())

    return run


def answer(command: Callable[..., Result], *args: str, status: int = 0) -> Any:
    """What a command prints with --json."""
    done = command(*args, "--json")
    assert done.returncode == status, said(done)
    return json.loads(done.stdout)


def said(done: Result) -> str:
    return done.stdout + done.stderr


# --- plan and sync ------------------------------------------------------------------------------


def test_plan_prints_the_json_of_the_contract_and_writes_nothing(walk: Walk) -> None:
    workspace = walk.workspace
    workspace.write_register(
        [
            student(NUMBER, civility="Dr"),
            student("2", birth_date="2008-02-29"),
            student("3", "Zoé", academic_year=YEAR + 2),
        ]
    )
    csns = walk.directory.csns()
    done = workspace.scolpass("plan", "--json")
    assert done.returncode == 1
    plan = json.loads(done.stdout)
    assert plan.keys() == PLAN
    assert re.fullmatch(r"[0-9a-f]{64}", plan["digest"])
    assert plan["counts"] == {"create": 1}
    [change] = plan["changes"]
    assert change.keys() == CHANGE
    assert (change["action"], change["student_number"]) == ("create", NUMBER)
    assert change["dn"] == her(walk)
    for sides in change["attributes"].values():
        assert sides.keys() == {"before", "after"}
        assert all(isinstance(value, str) for side in sides.values() for value in side)
    assert change["attributes"]["mail"] == {
        "before": [],
        "after": ["lea.martin@etu.umontpellier.fr"],
    }
    bad_date, bad_year = plan["rejected"]
    assert bad_date.keys() == bad_year.keys() == REJECTED
    assert bad_date["file"].endswith("enrolments.csv")
    assert (bad_date["line"], bad_date["field"]) == (3, "birth_date")
    assert bad_date["value"] == "2008-02-29"
    assert (bad_year["line"], bad_year["field"]) == (4, "academic_year")
    assert len(plan["notices"]) == 1
    assert plan["held"] == []
    assert walk.directory.csns() == csns
    again = workspace.json("plan", status=1)
    assert again == plan


def test_sync_prints_the_same_with_its_run_and_what_became_of_every_change(walk: Walk) -> None:
    workspace = walk.workspace
    put(
        walk.directory,
        f"cn=x,{walk.directory.people_dn}",
        {"objectClass": ["person", "supannPerson"], "cn": "x", "sn": "x", "supannEtuId": "5"},
    )
    workspace.write_register([student(NUMBER), student("5"), student("x y")])
    before = workspace.json("plan", status=1)
    report = workspace.json("sync", status=1)
    assert report.keys() == PLAN | {"run"}
    assert isinstance(report["run"], int)
    assert {name: report[name] for name in PLAN - {"changes"}} == {
        name: before[name] for name in PLAN - {"changes"}
    }
    for change, planned in zip(report["changes"], before["changes"], strict=True):
        assert change.keys() == CHANGE | {"outcome", "error"}
        assert {name: change[name] for name in CHANGE} == planned
    outcomes = {one["student_number"]: (one["outcome"], one["error"]) for one in report["changes"]}
    assert outcomes[NUMBER] == ("applied", None)
    assert outcomes["5"][0] == "failed"
    assert f"cn=x,{walk.directory.people_dn}" in outcomes["5"][1]


def test_a_held_plan_ends_three_and_says_how_it_is_approved(
    walk: Walk, command: Callable[..., Result]
) -> None:
    workspace, rows = walk.workspace, students(10)
    walk.synced(rows)
    workspace.write_register([{**row, "status": "A"} for row in rows])
    done = workspace.scolpass("plan")
    assert done.returncode == 3
    plan = answer(command, "plan", status=3)
    assert plan["held"] == ["expire"]
    assert plan["digest"] in done.stdout
    unbroken = " ".join(done.stdout.replace("\\\n", "").split())
    assert f"scolpass sync --reason '...' --approve {plan['digest']}" in unbroken
    assert "10 expiries, where at most 5 are allowed" in done.stdout

    csns = walk.directory.csns()
    report = answer(command, "sync", status=3)
    assert {one["outcome"] for one in report["changes"]} == {"held"}
    wrong = workspace.scolpass("sync", "--approve", "0" * 64, "--reason", "a slip")
    assert wrong.returncode == 3
    assert "Nothing was applied" in wrong.stdout
    assert walk.directory.csns() == csns

    approved = answer(
        command, "sync", "--approve", report["digest"], "--reason", "read by the tester"
    )
    assert {one["outcome"] for one in approved["changes"]} == {"applied"}
    recorded = answer(command, "history", "--action", "approve")
    assert [one["run"] for one in recorded] == [approved["run"]]
    assert "read by the tester" in recorded[0]["reason"]
    walk.invariants().check(outputs=[said(done), said(wrong)])


def test_a_plan_reads_aloud(walk: Walk) -> None:
    walk.workspace.write_register([*students(60), student("1", "Zoé", "O'Hara")])
    done = walk.workspace.scolpass("plan")
    first = done.stdout.splitlines()[:31]
    assert done.returncode == 0
    assert first[0] == f"Plan for {TODAY:%d/%m/%Y}"
    assert any(line.split() == ["61", "accounts", "are", "created"] for line in first)
    assert "Zoé O'Hara, zoe.ohara@etu.umontpellier.fr" in done.stdout
    assert "and 60 more like it" in done.stdout
    # A digest is for an approval, and there is nothing to approve.
    assert walk.workspace.json("plan")["digest"] not in done.stdout
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_what_is_alike_is_told_once_with_its_count_and_rows_are_not_students(walk: Walk) -> None:
    bad = [student(f"8{n}", birth_date=f"{n}/13/2001") for n in range(7)]
    odd = [student(f"9{n}", f"Q{n}", f"R{n}", civility="9") for n in range(6)]
    put(walk.directory, f"uid=e1,{walk.directory.people_dn}", {"objectClass": "account"})
    walk.workspace.write_register([*students(30), *bad, *odd, student("1")])
    shown = walk.workspace.scolpass("plan").stdout
    assert "7 rows are refused" in shown
    assert len(re.findall(r"^  7 × birth_date", shown, re.MULTILINE)) == 1
    assert "1 student is left alone" in shown
    assert f"1: has an entry that may be theirs: uid=e1,{walk.directory.people_dn}" in shown
    assert re.search(
        r"6 students have a civility that scolpass does not\s+know.*'9' \(6\)", shown, re.S
    )


def test_a_code_that_nobody_knows_is_left_out_everywhere_and_counted_until_a_table_tells_it(
    walk: Walk,
) -> None:
    rows = [student(f"9{n}", f"Q{n}", f"R{n}", civility=str(n % 3)) for n in range(6)]
    walk.workspace.write_register(rows)
    planned = walk.workspace.json("plan")
    assert planned["notices"] == [
        "6 students have a civility that scolpass does not know, and get none: '0' (2), '1' (2), "
        "'2' (2). [source.values.civility] can say what it means"
    ]
    assert not any("supannCivilite" in one["attributes"] for one in planned["changes"])
    walk.sync(rows)
    walk.writes_nothing()  # and the notice is not lost with the change
    assert len(walk.workspace.json("plan")["notices"]) == 1
    table = {"0": "", "1": "M.", "2": "Mme"}
    walk.workspace.configure({"source": {"values": {"civility": table}}})
    planned = walk.workspace.json("plan")
    assert planned["notices"] == []
    assert {
        one["student_number"]: one["attributes"]["supannCivilite"]["after"]
        for one in planned["changes"]
    } == {"91": ["M."], "92": ["Mme"], "94": ["M."], "95": ["Mme"]}


def test_of_values_only_what_comes_and_goes_is_told_with_its_meaning(walk: Walk) -> None:
    classes = ["top", "scolpassAccount", "supannPerson", "eduPerson", "inetOrgPerson"]
    stand(walk.directory, NUMBER, objectClass=classes[:1] + classes[2:])
    walk.workspace.write_register([student(NUMBER)])
    shown = walk.workspace.scolpass("plan").stdout
    assert re.search(r"objectClass: with scolpassAccount *\n", shown)
    assert f"(account active since {TODAY:%d/%m/%Y}, through 31/12/{YEAR + 1})" in shown
    [reason] = {one["reason"] for one in walk.workspace.json("plan")["changes"]}
    clauses = reason.split("; ")
    assert len(clauses) == len(set(clauses))
    assert reason.startswith("adopted with its own password; enrolled in")
    walk.sync([student(NUMBER)])
    with walk.directory.connect() as admin:  # in another order: no difference
        dn = walk.person(NUMBER)["dn"][0]
        admin.modify(dn, {"objectClass": [("MODIFY_REPLACE", classes)]})
    walk.writes_nothing()


def test_what_ends_by_itself_is_no_other_hands(walk: Walk) -> None:
    """The value student of somebody who is staff as well, and everybody else."""
    walk.synced(students(3))
    stand(walk.directory, "22600009", supannEmpId="4711", eduPersonAffiliation="employee")
    rows = [*students(3), student("22600009", "Zoé")]
    walk.synced(rows)
    days = [f"{YEAR + year}-02-01" for year in (1, 2, 3)]
    plans = [walk.workspace.json("plan", "--at", day, status=None)["changes"] for day in days]
    assert "another hand" not in str(plans)
    [one] = [change for change in plans[-1] if change["student_number"] == "22600009"]
    assert one["reason"].startswith(f"the cutoff 31/12/{YEAR + 1} has passed: the value student")


def test_history_names_no_student_where_there_is_none(walk: Walk) -> None:
    walk.synced(students(1))
    done = walk.workspace.scolpass("rebuild", "--reason", "tested")
    assert done.returncode == 0
    shown = walk.workspace.scolpass("history").stdout
    assert "rebuild" in shown
    assert "None" not in shown


def test_a_plan_of_one_is_that_ones_part_of_the_plan_of_all(
    walk: Walk, command: Callable[..., Result]
) -> None:
    workspace = walk.workspace
    workspace.write_register([*students(4), student("7", birth_date="x"), student("x y")])
    whole = answer(command, "plan", status=1)
    one = answer(command, "plan", "22600002")
    assert one["changes"] == [c for c in whole["changes"] if c["student_number"] == "22600002"]
    two = answer(command, "plan", "22600002", "22600004")
    assert [c["student_number"] for c in two["changes"]] == ["22600002", "22600004"]


def test_a_plan_of_another_day_shows_that_day(walk: Walk) -> None:
    walk.synced(students(12))
    day = f"{YEAR + 2}-01-01"
    done = walk.workspace.scolpass("plan", "--at", day)
    assert done.returncode == 0
    assert done.stdout.startswith(f"Plan for 01/01/{YEAR + 2}\n")
    assert "12 entries" in done.stdout
    assert "12 accounts expire" in done.stdout
    plan = walk.workspace.json("plan", "--at", day)
    assert plan["counts"] == {"expire": 12}
    assert plan["held"] == []
    assert walk.workspace.json("plan", "--at", f"{YEAR + 1}-12-31")["counts"] == {}


# --- how commands end ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("plan", "--at", "yesterday"), "--at"),
        (("plan", "--no-such-option"), "No such option"),
        (("no-such-command",), "No such command"),
        (("reissue", NUMBER), "--reason"),
        (("reissue", NUMBER, "--reason", " "), "reason"),
        (("sync", "--accept-feed"), "--reason"),
        (("history", "--action", "deprovision"), "create"),
        (("show", "nobody"), "nobody has the student number, uid, login or address nobody"),
        (("plan", "*"), "nobody has"),
        (("resync", "e*"), "nobody has"),
        (("reissue", "x)(uid=*", "--reason", "r"), "nobody has"),
        (("history", "--student", "nobody"), "nobody has"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_command_that_cannot_be_carried_out_ends_two_and_says_why(
    walk: Walk, command: Callable[..., Result], args: tuple[str, ...], word: str
) -> None:
    walk.workspace.write_register([student(NUMBER)])
    done = command(*args)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_configuration_ends_two_and_is_named(walk: Walk) -> None:
    workspace = walk.workspace
    workspace.write_register([student(NUMBER)])
    workspace.configure({"safety": {"max_expires": "3%"}})
    done = workspace.scolpass("sync")
    assert done.returncode == 2
    for word in (str(workspace.config), "safety.max_expires", "did you mean max_expire?"):
        assert word in done.stderr
    assert done.stdout == ""
    workspace.configure({"safety": {"max_expires": None}})
    missing = workspace.scolpass("--config", str(workspace.folder / "none.toml"), "plan")
    assert missing.returncode == 2
    workspace.key.chmod(0o644)
    open_key = workspace.scolpass("plan")
    assert open_key.returncode == 2
    assert f"chmod 600 {workspace.key}" in open_key.stderr


def test_a_directory_or_register_that_is_not_there_ends_four_with_the_cure(walk: Walk) -> None:
    workspace = walk.workspace
    no_feed = workspace.scolpass("sync")
    assert no_feed.returncode == 4
    assert "enrolments.csv" in no_feed.stderr
    workspace.write_register([student(NUMBER)])
    walk.directory.stop()
    for command in (("sync",), ("plan",), ("resync", NUMBER), ("show", NUMBER)):
        done = workspace.scolpass(*command, "--json")
        assert done.returncode == 4, command
        assert done.stdout == ""
        assert walk.directory.uri in done.stderr
        assert "Traceback" not in done.stderr
    walk.directory.start()
    assert workspace.json("sync")["counts"] == {"create": 1}


def test_a_refused_feed_ends_four_and_is_accepted_once_with_a_reason(walk: Walk) -> None:
    workspace = walk.workspace
    walk.synced(students(20))
    workspace.write_register(students(5))
    for command in ("plan", "sync"):
        done = workspace.scolpass(command)
        assert done.returncode == 4
        assert "5 students have a good row, 20 had one in the last run" in done.stderr
        assert "scolpass sync --accept-feed" in done.stderr
        assert done.stdout == ""
    workspace.json("sync", "--accept-feed", "--reason", "a campus has left")
    workspace.json("sync")


def test_two_syncs_at_once_the_second_says_who_and_ends_four(walk: Walk) -> None:
    workspace = walk.workspace
    workspace.write_register([student(NUMBER)])
    lock = workspace.folder / "journal.db.lock.pass"
    with walk.directory.paused(), workspace.start("sync", "--json") as first:
        wait_until(lambda: lock.exists() and f"process {first.pid}" in lock.read_text())
        second = workspace.scolpass("sync")
        assert second.returncode == 4
        assert "a run is under way: sync by " in second.stderr
        assert f"process {first.pid}" in second.stderr
        assert second.stdout == ""
        # A command for one student need not wait for its end; whoever is first makes the entry.
        with workspace.start("resync", NUMBER, "--json") as other:
            assert other.poll() is None
            walk.directory.resume()
            answer, errors = first.communicate(timeout=60)
            assert first.returncode == 0, errors
            outcomes = [change["outcome"] for change in json.loads(answer)["changes"]]
            answer, errors = other.communicate(timeout=60)
            assert other.returncode == 0, errors
            resynced = json.loads(answer)["students"][0]["changes"]
            outcomes += [change["outcome"] for change in resynced]
            assert outcomes.count("applied") == 1
    walk.invariants().check()
    walk.writes_nothing()


# --- what goes where ----------------------------------------------------------------------------


def test_stdout_carries_the_answer_and_nothing_else(walk: Walk) -> None:
    workspace = walk.workspace
    workspace.configure({"log": {"file": "", "level": "debug"}})
    workspace.write_register([student(NUMBER), student("x y")])
    outputs = []
    for args, status in (
        (("plan",), 1),
        (("sync",), 1),
        (("resync", NUMBER), 0),
        (("show", NUMBER), 0),
        (("history",), 0),
    ):
        done = workspace.scolpass("-v", *args, "--json", SCOLPASS_NO_SUCH_THING="1")
        assert done.returncode == status, done.stderr
        json.loads(done.stdout)
        assert done.stdout.count("\n") >= 1
        # The log of a command that is no terminal's: one JSON object a line, the warning among it.
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert any("SCOLPASS_NO_SUCH_THING" in str(event) for event in events)
        outputs.append(said(done))
    written = [line for line in outputs[1].splitlines() if '"event": "change"' in line]
    assert [json.loads(line)["student"] for line in written] == [NUMBER]
    assert all(json.loads(line)["run"] == 1 for line in written)
    walk.invariants().check(outputs=outputs)


def test_a_command_without_a_log_file_says_no_more_than_its_answer_and_warnings(
    walk: Walk,
) -> None:
    """What cron mails is the answer: a line for each change is in the answer, not beside it."""
    workspace = walk.workspace
    workspace.configure({"log": {"file": "", "level": "info"}})
    workspace.write_register(students(30))
    done = workspace.scolpass("sync")
    assert done.returncode == 0
    assert done.stderr == ""
    workspace.write_register(students(31))
    done = workspace.scolpass("sync", SCOLPASS_NO_SUCH_THING="1")
    [warning] = done.stderr.splitlines()
    assert json.loads(warning)["level"] == "warning"
    workspace.write_register(students(32))
    done = workspace.scolpass("--verbose", "sync")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [one["event"] for one in events] == ["change", "run ended"]


def test_a_log_file_takes_the_log_and_leaves_stderr_empty(walk: Walk) -> None:
    walk.workspace.write_register([student(NUMBER)])
    done = walk.workspace.scolpass("sync")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("Run 1: 1 change applied.")
    assert (walk.workspace.folder / "scolpass.log").read_text().count("\n") >= 2
    again = walk.workspace.scolpass("sync")
    assert again.stdout.startswith("Nothing to do: 1 entry")


def test_the_configuration_is_named_before_or_after_the_command_or_by_the_environment(
    walk: Walk,
) -> None:
    workspace = walk.workspace
    workspace.write_register([student(NUMBER)])
    other = workspace.folder / "other.toml"
    other.write_text(workspace.config.read_text())
    nowhere = str(workspace.folder / "nowhere.toml")
    for args in (("--config", str(other), "plan"), ("plan", "-c", str(other))):
        assert workspace.scolpass(*args, SCOLPASS_CONFIG=nowhere).returncode == 0
    assert workspace.scolpass("plan", SCOLPASS_CONFIG=nowhere).returncode == 2
    changed = workspace.json("plan", SCOLPASS_INSTITUTION__MAIL_DOMAIN="etu.example.org")
    assert changed["changes"][0]["attributes"]["mail"]["after"] == ["lea.martin@etu.example.org"]


# --- one student --------------------------------------------------------------------------------


def test_resync_tells_the_walk_step_by_step(walk: Walk) -> None:
    workspace = walk.workspace
    workspace.write_register([student(NUMBER), student("2", "Zoé")])
    done = workspace.scolpass("resync", NUMBER)
    assert done.returncode == 0
    steps = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    order = [step for step in steps if step in STEPS]
    assert list(dict.fromkeys(order)) == list(STEPS)
    assert "lea.martin@etu.umontpellier.fr" in done.stdout
    assert "create" in done.stdout
    assert set(walk.people()) == {NUMBER}  # and nobody else
    report = workspace.json("resync", NUMBER, "2")
    assert [one["student_number"] for one in report["students"]] == [NUMBER, "2"]
    assert [one["counts"] for one in report["students"]] == [{}, {"create": 1}]
    walk.invariants().check(outputs=[said(done)])


STEPS = ("register", "match", "identifiers", "state", "plan", "result")


def test_resync_by_force_takes_the_rows_of_the_moment_as_the_whole_truth(
    walk: Walk, command: Callable[..., Result]
) -> None:
    workspace = walk.workspace
    walk.synced([student(NUMBER, step_code="L1"), student("2", "Zoé", step_code="L1")])
    workspace.write_register(
        [student(NUMBER, step_code="L2", status="C"), student("2", "Zoé", step_code="L1")]
    )
    walk.writes_nothing(lambda: answer(command, "resync", NUMBER))
    report = answer(command, "resync", NUMBER, "--force", "--reason", "left in August")
    assert report["students"][0]["counts"] == {"expire": 1}
    assert report["students"][0]["state"] == "expired"
    [found] = walk.person(NUMBER)["supannRessourceEtat"]
    assert found == "{COMPTE}I:SupannExpire"
    walk.writes_nothing()


def test_show_prints_the_json_of_the_contract_for_every_name_of_the_student(
    walk: Walk, command: Callable[..., Result]
) -> None:
    walk.synced(
        [
            student(NUMBER, step_code="L1", step_name="Licence 1", enrolled_on="03/09/2026"),
            student(NUMBER, step_code="L1", academic_year=YEAR - 1),
        ]
    )
    address = "lea.martin@etu.umontpellier.fr"
    shown = answer(command, "show", NUMBER)
    assert shown.keys() == SHOWN
    assert {name: shown[name] for name in ("student_number", "uid", "mail", "dn")} == {
        "student_number": NUMBER,
        "uid": "e22600001",
        "mail": address,
        "dn": her(walk),
    }
    assert (shown["state"], shown["since"]) == ("inactive", TODAY.isoformat())
    assert shown["until"] == f"{YEAR + 1}-12-31"
    assert shown["missing"] == ["password_changed", "backup_mail", "charter"]
    assert shown["evidence"] == {}
    assert shown["sign_in"].keys() == {"possible", "because", "cure"}
    assert shown["sign_in"]["possible"] is False
    assert shown["why"].endswith(".")
    assert shown["why"].count(".") == 1
    assert "still missing: a password of their own, a backup mail address, " in shown["why"]
    assert {(e["academic_year"], e["step_code"], e["status"]) for e in shown["enrolments"]} == {
        (YEAR, "L1", "validated"),
        (YEAR - 1, "L1", "validated"),
    }
    [made] = shown["history"]
    assert made.keys() == RECORDED
    assert made["action"] == "create"
    for name in ("e22600001", address, address.upper()):
        assert answer(command, "show", name) == shown


def test_show_speaks_to_the_desk(walk: Walk) -> None:
    walk.synced([student(NUMBER, "Zoé", "Mar[bold]tin")])
    stand(walk.directory, "2", uid="x2", supannEmpId="p2", mail="x@y.fr",
          eduPersonPrincipalName="x@y.fr", supannAliasLogin="x@y.fr")  # fmt: skip
    walk.workspace.write_register(
        [student(NUMBER, "Zo\u202eé", "Mar[bold]tin"), student("2"), student("3", status="C")]
    )
    done = walk.workspace.scolpass("show", NUMBER)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].startswith("Cannot sign in: The account was never")
    for word in ("Inactive: enrolled in", "good through", "create", her(walk)):
        assert word in done.stdout
    assert "\u202e" not in done.stdout
    assert "also somebody else's" in walk.workspace.scolpass("show", "2").stdout
    nobody = walk.workspace.scolpass("show", "3")
    assert nobody.returncode == 0
    assert "the enrolment is pending" in nobody.stdout
    walk.invariants().check(outputs=[said(done)])


def test_history_prints_the_json_of_the_contract_and_answers_by_student_run_action_and_time(
    walk: Walk, command: Callable[..., Result]
) -> None:
    walk.synced(students(3))
    walk.synced([*students(2), student("22600003", "Other", "N22600003")])
    walk.synced([student("22600001", "P22600001", "N22600001", status="A"), *students(3)[1:]])
    whole = answer(command, "history")
    wanted = ["create", "create", "create", "update", "expire", "update"]
    assert [one["action"] for one in whole] == wanted
    assert all(one.keys() == RECORDED for one in whole)
    assert all(MOMENT.fullmatch(one["at"]) for one in whole)
    assert [one["id"] for one in whole] == sorted(one["id"] for one in whole)
    assert {one["actor"] for one in whole} == {"tester"}
    assert {one["outcome"] for one in whole} == {"applied"}
    renamed = next(one for one in whole if one["action"] == "update")
    assert renamed["attributes"]["givenName"] == {"before": ["P22600003"], "after": ["Other"]}

    def ids(*args: str) -> list[Any]:
        return [one["id"] for one in answer(command, "history", *args)]

    def those(wanted: Callable[[dict[str, Any]], bool]) -> list[Any]:
        return [one["id"] for one in whole if wanted(one)]

    assert ids("--student", "e22600003") == those(lambda one: one["student_number"] == "22600003")
    assert ids("--run", "1") == those(lambda one: one["run"] == 1)
    assert ids("--action", "expire") == those(lambda one: one["action"] == "expire")
    assert ids("--limit", "2") == [one["id"] for one in whole][-2:]
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    assert ids("--since", tomorrow.isoformat()) == []
    assert len(ids("--since", "2020-01-01")) == 6
    table = command("history", "--student", "22600001")
    assert table.returncode == 0
    assert table.stdout.count("22600001") >= 2
    walk.invariants().check(outputs=[said(table)])


# --- a new password -----------------------------------------------------------------------------


def test_a_reissue_shows_the_password_once_and_kills_the_old_one(
    walk: Walk, command: Callable[..., Result]
) -> None:
    workspace = walk.workspace
    walk.synced([student(NUMBER)])
    old = walk.password(NUMBER)
    for _ in range(5):  # locked for good
        assert walk.directory.bind_result(her(walk), "wrong-password") == 49
    assert walk.directory.bind_result(her(walk), old) == 49
    told = answer(command, "reissue", "e22600001", "--reason", "lost her letter")
    new = told["provisional_password"]
    assert re.fullmatch(r"\d{6}", new)
    assert told["student_number"] == NUMBER
    assert told["last_day"] == (TODAY + timedelta(days=90)).isoformat()
    assert walk.directory.bind_result(her(walk), new) == 0
    assert walk.password(NUMBER) == new
    if new != old:
        assert walk.directory.bind_result(her(walk), old) == 49
    assert "pwdAccountLockedTime" not in walk.person(NUMBER)
    [recorded] = answer(command, "history", "--action", "reissue")
    assert "lost her letter" in recorded["reason"]
    assert new not in json.dumps(recorded)
    walk.invariants().check(secrets=[old])
    walk.writes_nothing()

    done = workspace.scolpass("reissue", NUMBER, "--reason", "lost again")
    assert done.returncode == 0
    assert walk.password(NUMBER) in done.stdout
    assert f"{TODAY + timedelta(days=90):%d/%m/%Y}" in done.stdout
    walk.invariants().check(secrets=[old, new], outputs=[done.stderr])


def test_a_reissue_on_an_account_in_use_leaves_its_state(
    walk: Walk, command: Callable[..., Result]
) -> None:
    dn = stand(walk.directory)
    walk.synced([student(NUMBER)])
    state = walk.person(NUMBER)["supannRessourceEtatDate"]
    new = answer(command, "reissue", NUMBER, "--reason", "forgot")["provisional_password"]
    entry = walk.person(NUMBER)
    assert entry["supannRessourceEtatDate"] == state
    assert entry["pwdReset"] == ["TRUE"]
    assert entry["pwdPolicySubentry"] == [walk.directory.policy_dn]
    assert walk.directory.bind_result(dn, PASSWORD) == 49
    assert walk.directory.bind_result(dn, new) == 0
    assert answer(command, "show", NUMBER)["state"] == "active"
    walk.writes_nothing()


def test_a_reissue_is_refused_where_it_would_open_what_is_closed_or_not_ours(
    walk: Walk, command: Callable[..., Result]
) -> None:
    directory = walk.directory
    people: list[dict[str, Any]] = [
        {"number": "1", "supannEmpId": "p1"},
        {"number": "2", "supannRessourceEtatDate": "{COMPTE}S:SupannVerrouAdministratif::"},
        {"number": "3", "supannRessourceEtatDate": "{COMPTE}I:SupannExpire:20200101:"},
        {"number": "4"},
        {"number": "4", "uid": "second4"},
    ]
    for person in people:
        number = person.pop("number")
        address = f"x{number}{len(person)}@etu.umontpellier.fr"
        names = ("mail", "eduPersonPrincipalName", "supannAliasLogin")
        stand(directory, number, **{**dict.fromkeys(names, address), **person})
    rows = [student(number) for number in ("1", "2", "4")]
    rows += [student("3", academic_year=2018), student("5", status="C")]
    walk.sync(rows)
    before = directory.csns()
    refusals = {
        "1": "also somebody else's",
        "2": "the account is suspended",
        "3": "the account is expired",
        "4": "several entries",
        "5": "there is no entry",
    }
    for number, word in refusals.items():
        done = command("reissue", number, "--reason", "tried")
        assert done.returncode == 1, (number, said(done))
        assert word in done.stderr
        assert done.stdout == ""
    assert directory.csns() == before
    walk.writes_nothing()  # and no request is left behind that a sync would fulfil
    assert answer(command, "history", "--action", "reissue") == []


# --- help ---------------------------------------------------------------------------------------


def test_every_command_has_help_with_an_example(workspace: Workspace) -> None:
    listed = workspace.scolpass("--help")
    assert listed.returncode == 0
    commands = re.findall(r"^│ ([a-z]+) ", listed.stdout.split("Commands")[1], re.MULTILINE)
    assert {"demo", "sandbox", "init", "check", "plan", "sync"} <= set(commands)
    assert {"resync", "show", "history", "reissue"} <= set(commands)
    for command in ("plan", "reissue"):
        shown = workspace.scolpass(command, "--help")
        assert shown.returncode == 0
        assert f"Example: scolpass {command}" in shown.stdout


def test_the_version_is_said(workspace: Workspace) -> None:
    done = workspace.scolpass("--version")
    assert re.fullmatch(r"scolpass \d+\.\d+\S*\n", done.stdout)
