"""SCOL'PASS letters: what stands on them, who gets none, and that each printing is on record."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.core.model import Moment
from connector.desk import account as desk
from connector.desk import recipients
from connector.edges.sealing import new_key
from connector.resources import shipped_texts
from connector.walk import planning
from connector.walk.scope import Scope
from tests.support.desk import activate, binds, recorded, take
from tests.support.events import NUMBER, change_password
from tests.support.walk import TODAY, YEAR, Walk, student, students
from tests.support.workspace import Result

DOMAIN = "etu.umontpellier.fr"
SEED = student(
    "22600217",
    "Prénom",
    "NOM",
    civility="Mme",
    birth_date="10/10/1990",
    birth_place="AGDE",
    component_code="IFS",
    component_name="IFSI GCS",
    step_code="UM217",
    step_name="CEI DE infirmier Béziers 1ère",
    ine="07c2abcde12",
    student_status="Etudiant Infirmier",
)
LAST = TODAY + timedelta(days=90)

Command = Callable[..., Result]


def pages(pdf: Path, way: str = "-layout") -> list[str]:
    """What a reader sees on each page, as it lies on it or (``-raw``) part by part."""
    done = subprocess.run(
        ["pdftotext", way, str(pdf), "-"], capture_output=True, text=True, check=True
    )
    return done.stdout.split("\f")[:-1]


def words(page: str) -> str:
    """A page's text without its layout, and digits as they are typed."""
    return re.sub(r"\b(\d{3}) (\d{3})\b", r"\1\2", re.sub(r"\s+", " ", page))


@pytest.fixture
def printed(walk: Walk) -> Callable[..., list[str]]:
    """Prints letters by the real command, and gives their pages."""

    def print_(*args: str, status: int = 0) -> list[str]:
        out = walk.workspace.folder / "letters.pdf"
        done = walk.workspace.scolpass("letters", *args, "--out", str(out))
        assert done.returncode == status, done.stderr
        return pages(out, "-raw")

    return print_


def refused(walk: Walk, *args: str, status: int = 1) -> dict[str, str]:
    """Who gets no letter, and why; nobody else gets one, and there is no file."""
    out = walk.workspace.folder / "none.pdf"
    told = walk.workspace.json("letters", *args, "--out", str(out), status=status)
    assert told["printed"] == []
    assert told["out"] is told["run"] is None
    assert not out.exists()
    return {one["student"]: one["reason"] for one in told["refused"]}


# --- what stands on them ------------------------------------------------------------------------


def test_a_letter_has_every_field_of_the_scolpass_and_its_password_binds(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([SEED])
    [page] = printed("22600217")
    text = words(page)
    password = re.search(r"Mot de passe provisoire (\S+)", text)
    assert password is not None
    assert binds(walk, "22600217", password[1])
    assert walk.password("22600217") == password[1]
    for field in (
        f"SCOL’PASS {YEAR}/{YEAR + 1}",
        "Nom patronymique Mme NOM",
        "Prénom Prénom",
        "Né(e) le 10/10/1990 à AGDE",
        "Composante d’inscription IFSI GCS",
        "Inscription aux étapes CEI DE infirmier Béziers 1ère (UM217)",
        "INE 07c2abcde12",
        "N° Étudiant 22600217",
        "Statut Etudiant Infirmier",
        "Accès ENT",
        f"prenom.nom@{DOMAIN}",
        f"Identifiant prenom.nom@{DOMAIN}",
        f"Valable jusqu’au {LAST:%d/%m/%Y}",
        "usage personnel",
        "carte multiservices",
        "IZLY",
        "Université de Montpellier",
        "https://ent.umontpellier.fr",
        "https://ent.umontpellier.fr/premiere-connexion",
        "31/12",
        "mail de secours",
        "charte informatique",
        "8 caractères minimum",
        "à découper",
    ):
        assert field in text.replace("'", "’"), (field, text)


def test_the_english_letter_says_the_same_in_english(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([SEED])
    [page] = printed("22600217", "--language", "en")
    text = words(page)
    assert f"Provisional password {walk.password('22600217')}" in text
    assert "Birth name Mme NOM" in text
    assert "on 10 October 1990 in AGDE" in text
    assert f"Valid through {LAST.day} {LAST:%B %Y}" in text
    assert "31 December" in text


def test_what_the_register_does_not_know_or_codes_leaves_no_trace(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    nothing = dict.fromkeys(
        ("birth_place", "component_name", "step_name", "step_code", "ine", "student_status"), ""
    )
    walk.synced(
        [
            student("22600001", "Léa", "MARTIN", **nothing, civility="2", component_code="UFR1"),
            student("22600002", "-", "SUHARTO", **{**nothing, "birth_place": "."}, civility="MLLE"),
        ]
    )
    for page, said in zip(printed("22600001", "22600002"), ("MARTIN", "Mme SUHARTO"), strict=True):
        text = words(page)
        assert f"Nom patronymique {said}" in text
        for trace in ("—", "2 MARTIN", "Statut", "INE ", "Inscription aux étapes", " à .", "None"):
            assert trace not in text, (trace, text)
    assert "Prénom" not in words(page)
    assert "UFR1" in words(printed("22600001")[0])


def test_an_address_of_the_register_stands_on_the_letter_and_nowhere_in_the_directory(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    given = {"civility": "MME", "usual_name": "Durand", "postal_address": "12 rue X, 34000 VILLE"}
    walk.synced([student(NUMBER, "Léa", "Martin", **given), student("22600002")])
    with_address, without = printed(NUMBER, "22600002")
    assert "Mme Léa Durand\n12 rue X\n34000 VILLE\n" in with_address
    assert "34000" not in without
    assert "34000" not in str(walk.person(NUMBER))


def test_a_name_is_never_read_as_markup(walk: Walk, printed: Callable[..., list[str]]) -> None:
    names = [
        '#eval("1")',
        "{{x}}",
        "$1/0$ *a* _b_",
        "\\u{41} <label> @ref",
        "#panic()",
        "</svg>&amp;",
    ]
    rows = [
        student(str(22600001 + i), name, name, birth_place=name, step_name=name, step_code="X")
        for i, name in enumerate(names)
    ]
    walk.synced(rows)
    found = printed()
    assert len(found) == len(names)
    for name, page in zip(names, found, strict=True):
        assert words(page).count(name) == 4, (name, page)


def test_names_of_any_script_and_length_print_on_one_page_each(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    names = ["محمد", "דוד", "王小明", "김민준", "Ελένη", "Дмитрий", "Łukasz Żółć", "Işıl", "Nguyễn"]
    names += ["देवी", "สมชาย", "გიორგი"]
    long = ["W" * 120, "Anne-Marie " * 30]
    rows = [student(str(22600001 + i), name, "Martin") for i, name in enumerate([*names, *long])]
    steps = [{"step_code": f"S{i:02}", "step_name": f"Étape numéro {i} " * 5} for i in range(12)]
    rows += [student("22609999", **one) for one in steps]
    walk.synced(rows)
    found = printed()
    assert len(found) == len(names) + len(long) + 1
    parts = pages(walk.workspace.folder / "letters.pdf", "-raw")
    for position, name in enumerate([*names, *long]):
        page = (found if name in names else parts)[position]
        seen = re.sub(r"[\s\u200b\u202a-\u202e\u2066-\u2069]", "", page)
        assert name.replace(" ", "") in seen, (name, page)
        assert f"@{DOMAIN}" in seen
    for one in steps:
        assert f"({one['step_code']})" in parts[-1]


def test_a_sign_that_no_font_has_is_refused_by_name_and_the_others_print(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([student("22600001", "\ue000"), student("22600002", "Zoé")])
    out = walk.workspace.folder / "two.pdf"
    told = walk.workspace.json("letters", "--out", str(out), status=1)
    assert [one["student_number"] for one in told["printed"]] == ["22600002"]
    assert "U+E000" in told["refused"][0]["reason"]
    assert len(pages(out)) == 1


# --- who gets one -------------------------------------------------------------------------------


def test_a_number_a_uid_and_an_address_name_the_same_student_and_she_gets_one_letter(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([student(NUMBER), student("22600002", "Zoé")])
    assert len(printed(NUMBER, f"e{NUMBER}", f"lea.martin@{DOMAIN}")) == 1


def test_without_names_all_print_who_have_not_activated(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced(students(60))
    activate(walk, "22600003")
    found = [words(page) for page in printed()]
    assert len(found) == 59
    for number in range(22600001, 22600061):
        holders = [page for page in found if f"Étudiant {number}" in page]
        assert len(holders) == (number != 22600003)
    assert walk.password("22600060") in found[-1]


def test_since_a_day_prints_those_who_were_created_from_then_on(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced(students(2))
    assert len(printed("--since", f"{TODAY - timedelta(days=1)}")) == 2
    assert refused(walk, "--since", f"{TODAY + timedelta(days=2)}", status=0) == {}


def test_after_a_reissue_the_letter_has_the_new_password(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([student(NUMBER)])
    before = walk.password(NUMBER)
    _, password, _ = take(walk, desk.reissue)
    assert password.get_secret_value() != before
    [page] = printed(NUMBER)
    assert f"provisoire {password.get_secret_value()}" in words(page)


def test_withdrawn_while_inactive_the_letter_still_prints(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([student(NUMBER)])
    walk.synced([student(NUMBER, status="withdrawn")])
    assert len(printed(NUMBER)) == 1


def test_a_broken_register_keeps_no_letter_from_being_printed(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([student(NUMBER)])
    walk.workspace.write_register_text("nonsense")
    assert len(printed(NUMBER)) == 1


def test_active_suspended_and_changed_accounts_get_none_and_the_others_print(walk: Walk) -> None:
    walk.synced(students(4))
    activate(walk, "22600001")
    take(walk, desk.suspend, "22600002")
    change_password(walk, "22600003")
    out = walk.workspace.folder / "some.pdf"
    told = walk.workspace.json(
        "letters", "22600001", "22600002", "22600003", "22600004", "--out", str(out), status=1
    )
    assert [one["student_number"] for one in told["printed"]] == ["22600004"]
    reasons = {one["student"]: one["reason"] for one in told["refused"]}
    assert reasons == {
        "22600001": "the account is active",
        "22600002": "the account is suspended",
        "22600003": "the provisional password has been changed",
    }
    assert len(pages(out)) == 1


def test_a_cancelled_students_letter_is_refused(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    walk.synced([student(NUMBER, status="cancelled")])
    assert refused(walk, NUMBER) == {NUMBER: "the account is expired"}


def test_a_password_that_is_over_is_refused_with_its_day(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    over = LAST + timedelta(days=1)
    with walk.context() as opened:
        facts = planning.prepare(opened, Scope([NUMBER])).facts[NUMBER]

        def refusal(later: int) -> recipients.Refused | None:
            now = opened.moment.now + timedelta(days=later)
            return recipients.refusal(
                facts, opened.rules, Moment(now, TODAY + timedelta(days=later))
            )

        assert refusal(90) is None
        refused = refusal(91)
    assert refused is not None
    assert refused.reason.startswith(
        f"the provisional password has not been valid since {over:%d/%m/%Y}"
    )
    assert refused.inactive


def test_with_the_journal_lost_the_letters_name_those_whose_password_it_knew(walk: Walk) -> None:
    walk.synced(students(2))
    for file in walk.workspace.folder.glob("journal.db*"):
        file.unlink()
    walk.sync()
    reasons = refused(walk)
    assert sorted(reasons) == ["22600001", "22600002"]
    assert set(reasons.values()) == {
        "the journal does not know the provisional password; `scolpass reissue` gives a new one"
    }


def test_a_lost_key_is_said_and_prints_nothing(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    walk.workspace.key.write_text(new_key() + "\n")
    assert "does not open with any key" in refused(walk, NUMBER)[NUMBER]


def test_somebody_nobody_knows_ends_2_and_the_others_print(
    walk: Walk, printed: Callable[..., list[str]]
) -> None:
    walk.synced([student(NUMBER)])
    assert len(printed(NUMBER, "nobody", status=2)) == 1
    assert "nobody has the student number" in refused(walk, "nobody", status=2)["nobody"]


# --- on record, and whole -----------------------------------------------------------------------


def test_each_printing_is_on_record_with_its_run_and_no_password_is_anywhere(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    out = walk.workspace.folder / "letter.pdf"
    done = walk.workspace.scolpass("letters", NUMBER, "--out", str(out))
    assert done.returncode == 0
    [(_, reason)] = recorded(walk, "print")
    assert reason == f"letter; the password is valid through {LAST:%d/%m/%Y}"
    [entry] = walk.history(action="print")
    assert f"(run {entry['run']})" in done.stdout
    assert out.stat().st_mode & 0o077 == 0
    told = done.stdout + done.stderr + (walk.workspace.folder / "scolpass.log").read_text()
    assert not re.search(rf"\b{walk.password(NUMBER)}\b", told)
    walk.workspace.scolpass("letters", NUMBER, "--out", str(out))
    assert len(recorded(walk, "print")) == 2
    walk.writes_nothing()


def test_a_dash_writes_the_pdf_to_stdout_and_nothing_else(walk: Walk) -> None:
    walk.synced(students(2))
    for numbers in (["22600001"], []):
        done = subprocess.run(
            walk.workspace.command("letters", *numbers, "--out", "-"),
            env=walk.workspace.environment(),
            capture_output=True,
            check=True,
        )
        assert done.stdout.startswith(b"%PDF-")
        assert done.stdout.rstrip().endswith(b"%%EOF")
        assert done.stderr == b""


@pytest.mark.parametrize(("out", "said"), [("letters.pdf", "letters.pdf"), ("-", "/var/tmp")])
def test_a_full_disk_leaves_neither_file_nor_record(walk: Walk, out: str, said: str) -> None:
    walk.synced(students(120))
    folder = walk.workspace.folder
    (folder / "letters.pdf").write_text("the earlier one")
    # No file may grow much beyond those that are there: too little for so many letters.
    limit = max(file.stat().st_size for file in folder.iterdir()) // 512 + 60
    command = walk.workspace.command("letters", "--out", out)
    environment = walk.workspace.environment()
    environment.pop("TMPDIR", None)
    done = subprocess.run(
        ["sh", "-c", f'trap "" XFSZ; ulimit -f {limit}; exec "$@"', "sh", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{said} cannot be written: File too large" in done.stderr
    assert done.stdout == ""
    assert (folder / "letters.pdf").read_text() == "the earlier one"
    assert not list(folder.glob(".*part"))
    assert walk.history(action="print") == []


@pytest.mark.parametrize(
    ("out", "status", "said"),
    [
        ("/dev/full", 1, "/dev/full cannot be written: No space left on device"),
        ("missing/letters.pdf", 2, "cannot be written: No such file or directory"),
        (".", 2, "is a folder"),
    ],
)
def test_a_place_that_takes_no_file_is_said(
    walk: Walk, scolpass: Command, out: str, status: int, said: str
) -> None:
    walk.synced([student(NUMBER)])
    done = scolpass("letters", NUMBER, "--out", out)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert Path("/dev/full").is_char_device()


# --- templates ----------------------------------------------------------------------------------


@pytest.fixture
def own(walk: Walk) -> Path:
    """The institution's own templates, beside its configuration."""
    folder = walk.workspace.folder / "letters"
    folder.mkdir()
    for file in (shipped_texts() / "letters").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def _changed(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_an_institutions_own_words_are_printed(
    walk: Walk, own: Path, printed: Callable[..., list[str]]
) -> None:
    _changed(own / "fr.typ", "Accès ENT", "Accès au portail")
    walk.synced([student(NUMBER)])
    assert "Accès au portail" in words(printed(NUMBER)[0])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Vous rencontrez", "#lorem(2000) Vous rencontrez", "want more room than there is"),
        ("#import", '#import "@preview/cetz:0.2.0"\n#import', "fetch it from the network"),
        ("#import", '#let x = read("/etc/passwd")\n#import', "cannot be printed"),
        ("#import", '#set text(font: "Nowhere Sans")\n#import', "unknown font family"),
    ],
)
def test_a_template_at_fault_is_said_and_prints_nothing(
    walk: Walk, own: Path, scolpass: Command, old: str, new: str, said: str
) -> None:
    _changed(own / "fr.typ", old, new)
    walk.synced([student(NUMBER)])
    done = scolpass("letters", NUMBER, "--out", "letter.pdf")
    assert done.returncode == 2
    assert said in done.stderr
    assert recorded(walk, "print") == []


def test_wrong_wishes_end_2(walk: Walk, scolpass: Command) -> None:
    walk.synced([student(NUMBER)])
    for args in (
        ["--out", "a.pdf", "--language", "../fr"],
        ["--out", "a.pdf", NUMBER, "--since", "2026-09-01"],
        ["--out", "-", "--json"],
        [],
    ):
        assert scolpass("letters", *args).returncode == 2
    walk.workspace.configure({"http": {"public_url": ""}})
    done: Any = scolpass("letters", "--out", "a.pdf")
    assert done.returncode == 2
    assert "http.public_url is empty" in done.stderr
