"""Letters without a directory: what is refused before it is printed, and files that are whole."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from connector.core.letter_words import address_lines, grouped, known
from connector.core.rules import Lifecycle
from connector.desk import letter_text
from connector.desk.letter_text import cutoff_words
from connector.edges.files import finished
from connector.edges.pdf import typesetting
from connector.edges.pdf.binder import Binder
from connector.edges.pdf.typesetting import Press
from connector.errors import ScolpassError, UsageError
from connector.resources import shipped_texts
from tests.support.processes import started

COMMON = {
    "institution": "Université d'Ici",
    "domain": "etu.ici.fr",
    "url": "https://ent.ici.fr",
    "first_connection": "https://ent.ici.fr/premiere-connexion",
    "sign_in": "https://ent.ici.fr/premiere-connexion/identification",
    "help": "https://ent.ici.fr/probleme-de-connexion",
    "cutoff": "31/12",
}
BARE: dict[str, Any] = {  # whatever a register need not have is empty
    "academic_year": "2026/2027",
    "civility": "",
    "birth_name": "Martin",
    "usual_name": "",
    "first_name": "Léa",
    "birth_date": "2008-02-29",
    "birth_place": "",
    "components": [],
    "steps": [],
    "ine": "",
    "student_number": "1",
    "status": "",
    "mail": "lea.martin@etu.ici.fr",
    "login": "lea.martin@etu.ici.fr",
    "password": "012345",
    "password_groups": ["012", "345"],
    "last_day": "2026-12-30",
    "address": [],
}


@pytest.fixture(scope="module")
def press() -> Press:
    return Press(shipped_texts() / "letters", "fr", COMMON)


def test_a_letter_of_somebody_of_whom_little_is_known_prints(press: Press) -> None:
    [page] = PdfReader(io.BytesIO(press.print([BARE]))).pages
    text = page.extract_text()
    assert "012345" in re.sub(r"(?<=\d) (?=\d)", "", text)
    assert "Martin" in text


# --- a field that says nothing leaves no trace ----------------------------------------------------

FULL = {**letter_text.SAMPLE, "usual_name": "DURAND"}
LABELS = {  # of each field that may be empty
    "fr": {
        "usual_name": "Nom d'usage",
        "first_name": "Prénom",
        "components": "Composante d'inscription",
        "steps": "Inscription aux étapes",
        "ine": "INE",
        "status": "Statut",
        "birth_place": "11/04/2006 à",
        "civility": "Mme",
        "mail": "Mél",
        "address": "12 rue des Lilas",
    },
    "en": {
        "usual_name": "Usual name",
        "first_name": "First name",
        "components": "School",
        "steps": "Enrolled in",
        "ine": "INE",
        "status": "Status",
        "birth_place": "11 April 2006 in",
        "civility": "Mme",
        "mail": "Email",
        "address": "12 rue des Lilas",
    },
}
NOTHING: dict[str, list[Any]] = {
    "components": [[], ["", ""]],
    "steps": [[], [{"name": "", "code": ""}]],
    "address": [[]],
}


def shown(press: Press, *of: dict[str, Any], way: str = "-layout") -> list[str]:
    """What a reader sees on each letter: the card on its right, or all of it part by part."""
    pdf = press.print(of)
    command = ["pdftotext", way, "-", "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, check=True)
    return done.stdout.decode().replace("’", "'").split("\f")[:-1]


def card(page: str) -> str:
    """The identity on the card, the words of its left side blanked out."""
    return page[page.rindex("SCOL'PASS 2026/2027") :]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_field_that_says_nothing_leaves_no_label_and_no_sign(language: str) -> None:
    press = Press(shipped_texts() / "letters", language, COMMON)
    cases = [
        (field, {**FULL, field: nothing})
        for field in LABELS[language]
        for nothing in NOTHING.get(field, ["", "  "])
    ]
    bare = {**FULL, **{field: NOTHING.get(field, [""])[0] for field in LABELS[language]}}
    everything, *pages = shown(press, FULL, *(one for _, one in cases), bare)
    for label in LABELS[language].values():
        assert label in everything, (label, everything)
    for (field, _), page in zip(cases, pages, strict=False):
        identity = page if field == "address" else card(page)
        assert LABELS[language][field] not in identity, (field, identity)
        kept = [label for name, label in LABELS[language].items() if name != field]
        assert [label for label in kept if label not in page] == [], field
    for page in (everything, *pages):
        assert "—" not in page
        assert "None" not in page
        assert "none" not in card(page)
        assert "()" not in page


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_address_stands_alone_in_the_window_of_an_envelope(language: str) -> None:
    press = Press(shipped_texts() / "letters", language, COMMON)
    long = ["Mme Marie-Charlotte VANDENBROUCKE-GRAULS", "Résidence universitaire Boutonnet B"]
    long += ["Chambre 214", "119 rue du Faubourg Boutonnet", "BP 12345", "34090 MONTPELLIER"]
    for address in (FULL["address"], long):
        pdf = press.print([{**FULL, "address": address}])
        command = ["pdftotext", "-bbox", "-", "-"]
        done = subprocess.run(command, input=pdf, capture_output=True, check=True)
        window: list[str] = []
        for x, y, right, bottom, word in re.findall(
            r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)<',
            done.stdout.decode(),
        ):
            left, top, end, low = (float(n) * 25.4 / 72 for n in (x, y, right, bottom))
            if end > 105 and 40 < (top + low) / 2 < 83:
                window.append(word)
                assert 109 < left, word
                assert end < 200, word
                assert 44 < top, word
                assert low < 83, word
        assert window == " ".join(address).split()


@pytest.mark.parametrize("password", ["012345", "12345678", "1234567890123", "aB3dE6", "12345"])
def test_a_password_is_grouped_to_be_read_and_whole_when_it_is_copied(password: str) -> None:
    press = Press(shipped_texts() / "letters", "fr", COMMON)
    [page] = shown(press, {**FULL, **letter_text.shown_password(password)}, way="-raw")
    line = page[page.index("Mot de passe provisoire\n") :].splitlines()[1]
    assert line.replace(" ", "") == password
    if not password.isdigit() or len(password) < 6:
        assert line == password


@given(st.text("0123456789", max_size=64))
def test_groups_are_of_three_or_four_and_lose_nothing(password: str) -> None:
    groups = grouped(password)
    assert "".join(groups) == password
    if len(password) >= 6:
        assert {len(one) for one in groups} <= {3, 4}
        assert max(map(len, groups)) - min(map(len, groups)) <= 1
    else:
        assert groups == [password]


@pytest.mark.parametrize("text", [None, "", " ", ".", "-", "_", "—", "--", "_._", " - "])
def test_a_sign_that_there_is_nothing_is_nothing(text: str | None) -> None:
    assert known(text) == ""


@pytest.mark.parametrize("text", ["2A", "É", "王", "\ue000", "!", "A-B", "O'N"])
def test_whatever_else_a_register_says_is_said(text: str) -> None:
    assert known(text) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (None, []),
        ("", []),
        (" ; ,  ", []),
        ("12 rue des Lilas 34000 Montpellier", ["12 rue des Lilas", "34000 Montpellier"]),
        ("12, rue des Lilas; 34000 MONTPELLIER", ["12", "rue des Lilas", "34000 MONTPELLIER"]),
        ("12 rue A$34000 M", ["12 rue A", "34000 M"]),
        ("Bât. C\n12 rue A\r\n34000 M\nFRANCE", ["Bât. C", "12 rue A", "34000 M", "FRANCE"]),
        ("a;b;c;d;e;f;g", ["c", "d", "e", "f", "g"]),
        ("Calle Mayor 5, 28013 Madrid, España", ["Calle Mayor 5", "28013 Madrid", "España"]),
    ],
)
def test_an_address_in_one_value_becomes_lines(text: str | None, lines: list[str]) -> None:
    assert address_lines(text) == lines


@pytest.mark.parametrize(
    "name",
    ["Zoé", "Łukasz", "Nguyễn", "e\u0301", "محمد", "王", "a\u200db", "\u202eabc", "", "देवी"],
)
def test_names_that_the_fonts_have_lack_nothing(press: Press, name: str) -> None:
    assert press.lacking({**BARE, "first_name": name}) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\ue000", "U+E000; it is not a character of any script"),
        ("a\udcff", "U+DCFF; it is not a character of any script"),
        ("\U0001f9ff", "U+1F9FF; install Debian's fonts-noto-core"),
        ("\U000323b0", "U+323B0; "),
        ("王\u0f39", "U+738B U+0F39; install Debian's fonts-noto-cjk"),
    ],
)
def test_a_sign_that_no_font_has_is_named_with_the_package(
    press: Press, name: str, said: str
) -> None:
    lacking = press.lacking({**BARE, "steps": [{"name": name, "code": "X"}]})
    assert lacking is not None
    assert said in lacking


FONT = "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"
COLLECTION = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"


@pytest.mark.parametrize(
    ("font", "index", "has", "lacks"),
    [
        (FONT, 0, "aéŁễ\ufb01", "王\U0001f600\ue000"),
        (COLLECTION, 0, "a王一龍", "\U000323b0\u0f39"),
        (COLLECTION, 3, "a王一龍", "\U000323b0\u0f39"),
        ("/nowhere.ttf", 0, "", "a"),
    ],
)
def test_a_font_says_which_characters_it_has(font: str, index: int, has: str, lacks: str) -> None:
    found = typesetting._characters(font, index)
    assert [one for one in has if one not in found] == []
    assert [one for one in lacks if one in found] == []


@given(st.data())
def test_a_broken_font_stops_nothing(data: st.DataObject) -> None:
    whole = Path(FONT).read_bytes()
    head = 12 + 16 * int.from_bytes(whole[4:6])  # the list of its tables
    cmap = next(
        int.from_bytes(whole[at + 8 : at + 12])
        for at in range(12, head, 16)
        if whole[at : at + 4] == b"cmap"
    )
    broken = bytearray(whole[: data.draw(st.sampled_from([len(whole), 0, 3, 12, 40, cmap + 9]))])
    places = st.one_of(st.integers(0, head - 1), st.integers(cmap, cmap + 600))
    for at, octet in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=8)).items():
        broken[at : at + 1] = bytes([octet])
    with tempfile.NamedTemporaryFile(suffix=".ttf") as file:
        Path(file.name).write_bytes(broken)
        found = typesetting._characters(file.name, 0)
    assert "\U0010ffff" not in found


def test_letters_are_bound_in_their_order(press: Press) -> None:
    whole = io.BytesIO()
    binder = Binder(whole.write)
    for few in (["1", "2", "3"], ["4"]):
        binder.add(press.print([{**BARE, "student_number": f"N{one}X"} for one in few]), len(few))
    binder.finish()
    texts = [page.extract_text() for page in PdfReader(whole, strict=True).pages]
    assert [f"N{n}X" in text for n, text in enumerate(texts, start=1)] == [True] * 4


def test_a_template_that_runs_over_its_page_is_refused(press: Press) -> None:
    with pytest.raises(ScolpassError, match="2 pages of 1 letters"):
        Binder(io.BytesIO().write).add(press.print([BARE, BARE]), 1)


def test_a_file_gets_its_name_after_it_is_on_record(tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    seen: list[bool] = []
    with finished(target, lambda: seen.append(target.exists())) as write:
        write(b"wh")
        write(b"ole")
    assert seen == [False]
    assert target.read_bytes() == b"whole"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def _fail(write: Callable[[bytes], None]) -> None:
    write(b"half")
    raise RuntimeError


def test_a_file_that_is_not_finished_or_not_recorded_leaves_the_earlier_one(tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    target.write_bytes(b"earlier")

    def refuse() -> None:
        raise ScolpassError("the journal is full")

    with pytest.raises(ScolpassError, match="journal"), finished(target, refuse) as write:
        write(b"new")
    with pytest.raises(RuntimeError), finished(target, lambda: None) as write:
        _fail(write)
    assert target.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_of_a_process_that_is_killed_while_it_writes_nothing_is_left(tmp_path: Path) -> None:
    with finished(tmp_path / "a.pdf", lambda: None) as write:
        write(b"as far as it came")
        assert list(tmp_path.iterdir()) == []


def test_where_nothing_was_written_nothing_is_made_or_recorded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    for target in (tmp_path / "a.pdf", stream):
        with finished(target, pytest.fail):
            pass
    assert list(tmp_path.iterdir()) == []
    assert stream.getvalue() == b""


def test_a_stream_is_given_nothing_before_the_whole_is_on_record() -> None:
    stream = io.BytesIO()
    seen: list[bytes] = []
    with finished(stream, lambda: seen.append(stream.getvalue())) as write:
        write(b"wh")
        write(b"ole")
    assert (seen, stream.getvalue()) == ([b""], b"whole")
    with pytest.raises(RuntimeError), finished(stream, lambda: None) as write:
        _fail(write)
    assert stream.getvalue() == b"whole"


def test_a_pipe_is_given_the_whole_however_large(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = started(["sha256sum", pipe], stdout=subprocess.PIPE)
    with finished(pipe, lambda: None) as write:
        for _ in range(30):
            write(b"x" * 100_000)
    said, _ = reader.communicate()
    assert said.split()[0].decode() == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_what_is_held_for_a_stream_is_held_where_temporary_files_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with (
        pytest.raises(UsageError, match="missing cannot be written"),
        finished(io.BytesIO(), lambda: None),
    ):
        pass


def test_what_fails_beside_the_file_is_not_said_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), finished(tmp_path / "a.pdf", lambda: None):
        raise PermissionError("a font")


@pytest.mark.parametrize("leads_to", ["real.pdf", "nowhere.pdf"])
def test_a_link_is_not_written_through(tmp_path: Path, leads_to: str) -> None:
    (tmp_path / "real.pdf").write_bytes(b"untouched")
    (tmp_path / "link.pdf").symlink_to(leads_to)
    with pytest.raises(UsageError, match="is a link"), finished(tmp_path / "link.pdf", pytest.fail):
        pass
    assert (tmp_path / "link.pdf").is_symlink()
    assert (tmp_path / "real.pdf").read_bytes() == b"untouched"
    assert not (tmp_path / "nowhere.pdf").exists()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_put_in_the_way_meanwhile_is_replaced_itself(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "a.pdf"
    (tmp_path / "real.pdf").write_bytes(b"untouched")

    def put_it_there() -> None:
        if kind == "link":
            target.symlink_to("real.pdf")
        else:
            os.mkfifo(target)

    with finished(target, put_it_there) as write:
        write(b"whole")
    assert not target.is_symlink()
    assert target.read_bytes() == b"whole"
    assert target.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "real.pdf").read_bytes() == b"untouched"


def test_another_folder_under_the_same_name_gets_nothing(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "out", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()

    def swap() -> None:
        mine.rename(tmp_path / "moved")
        mine.symlink_to(theirs)

    with finished(mine / "a.pdf", swap) as write:
        write(b"whole")
    assert list(theirs.iterdir()) == []
    assert (tmp_path / "moved/a.pdf").read_bytes() == b"whole"


def test_a_link_to_a_device_of_the_system_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    recorded: list[bool] = []
    with finished(tmp_path / "link", lambda: recorded.append(True)) as write:
        write(b"whole")
    assert recorded == [True]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe"])
def test_a_pipe_of_somebody_else_is_given_nothing(
    tmp_path: Path, kind: str, theirs: Callable[[Path], None]
) -> None:
    place = pipe = tmp_path / "a.pdf"
    if kind != "pipe":
        pipe = tmp_path / "pipe"
        place.symlink_to(pipe)
    os.mkfifo(pipe)
    theirs(pipe)
    with pytest.raises(UsageError, match="put there"), finished(place, pytest.fail):
        pass


def test_a_language_without_a_template_is_refused_with_those_there_are() -> None:
    for language in ("de", "../fr", "layout", ""):
        with pytest.raises(UsageError, match="Choose from: en, fr"):
            Press(shipped_texts() / "letters", language, COMMON)


def test_the_cutoff_in_words() -> None:
    assert cutoff_words(Lifecycle(), "fr") == "31/12"
    assert cutoff_words(Lifecycle(), "en") == "31 December"
