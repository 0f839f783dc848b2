"""Mails in words: in both languages, of hostile names, of templates that somebody has broken."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.core.account import State
from connector.core.languages import LANGUAGES
from connector.core.model import Known, Moment
from connector.edges.smtp import send
from connector.edges.templates import Templates, Value
from connector.errors import ConfigurationError
from connector.notify.due import notice_due
from connector.notify.mail_text import KINDS, Link, Told, day_words, minute_words
from connector.resources import shipped_texts
from connector.settings.sections import Mail
from tests.support.mail import MailServer

AT = datetime(2026, 10, 3, 12, 5, tzinfo=UTC)
COMMON: dict[str, Value] = {
    "institution": "Université d'Ici",
    "first_name": "Léa",
    "login": "lea.martin@etu.ici.fr",
    "mail": "lea.martin@etu.ici.fr",
    "url": "https://ent.ici.fr",
    "help": "https://ent.ici.fr/probleme-de-connexion",
}
LINK: dict[str, Value] = {"link": "https://ent.ici.fr/x?lien=a.b", "until": "3 octobre"}
FORWARD: dict[str, Value] = {"forward_to": "lea@example.com", "keep_copy": True}
OF_KIND: dict[str, dict[str, Value]] = {
    "confirm_backup_mail": LINK,
    "reset_password": LINK,
    "account_active": {**FORWARD, "closes_on": "31 décembre 2027"},
    "forwarding_changed": {**FORWARD, "change": "set", "at": "3 octobre 2026 à 14 h 05"},
    "account_closes": {"closes_on": "31 décembre 2027", "days": 30},
    "backup_mail_changed": {"change": "changed", "at": "3 octobre 2026 à 14 h 05"},
    "password_changed": {"change": "reissued", "at": "3 octobre 2026 à 14 h 05"},
}


def render(
    kind: str, folder: Path | None = None, given: dict[str, Value] | None = None, **values: Value
) -> tuple[str, str]:
    all_ = COMMON | OF_KIND[kind] | (given or {}) | values
    return Templates(folder or shipped_texts() / "mail").render(kind, {"fr": all_, "en": all_})


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An institution's own copy of the templates."""
    return Path(shutil.copytree(shipped_texts() / "mail", tmp_path / "mail"))


@pytest.mark.parametrize("kind", KINDS)
def test_check_tries_a_template_with_what_a_mail_really_says(kind: str) -> None:
    given = {"forward_to": "lea@example.com", "keep_copy": True, "change": "set", "at": f"{AT}"}
    known = Known("uid=x", "x", "x@ici.fr", State.ACTIVE, cutoff=date(2027, 12, 31))
    link, moment = Link("https://ent.ici.fr/x?lien=a.b", AT), Moment(AT, AT.date())
    words = KINDS[kind]
    for language in LANGUAGES:
        said = words.of(Told(given, known, link, moment, ZoneInfo("Europe/Paris"), language))
        assert words.samples
        for sample in words.samples:
            assert {name: type(value) for name, value in sample.items()} == {
                name: type(value) for name, value in said.items()
            }


def test_every_kind_of_mail_has_its_words_in_both_languages() -> None:
    assert set(OF_KIND) == set(KINDS)
    for kind in KINDS:
        subject, body = render(kind)
        french, english = subject.split(" / ")
        assert french != english
        first, rule, second = body.partition(f"\n\n{'-' * 72}\n\n")
        assert first.startswith("(English below)\n\nBonjour Léa,\n\n")
        assert rule
        assert second.startswith("Hello Léa,\n\n")
        assert "{" not in subject + body
        assert "Subject:" not in subject + body
        assert "\n\n\n" not in first + second
        assert all(str(value) in body for value in LINK.values()) is (OF_KIND[kind] is LINK)


def test_what_is_not_known_is_left_out() -> None:
    empty: dict[str, Value] = {
        "first_name": "",
        "url": "",
        "help": "",
        "forward_to": "",
        "closes_on": "",
        "keep_copy": False,
    }
    _, body = render("account_active", given=empty)
    assert "Bonjour,\n" in body
    assert "Hello,\n" in body
    assert "http" not in body
    assert "redirig" not in body
    assert "jusqu" not in body


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ("set", "a@b.fr", ("sont redirigés vers a@b.fr", "is forwarded to a@b.fr")),
        (
            "changed",
            "a@b.fr",
            ("ils vont vers a@b.fr", "forwarded to a different address: a@b.fr"),
        ),
        ("removed", "", ("ne sont plus redirigés", "is no longer forwarded")),
    ],
)
def test_a_redirection_is_told_as_it_is(change: str, to: str, said: tuple[str, str]) -> None:
    _, body = render("forwarding_changed", change=change, forward_to=to)
    assert all(part in body for part in said)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0, ("aujourd'hui", "today")),
        (1, ("demain", "tomorrow")),
        (30, ("30 jours", "30 days")),
    ],
)
def test_a_notice_says_how_many_days_are_left(days: int, said: tuple[str, str]) -> None:
    _, body = render("account_closes", days=days)
    assert all(part in body for part in said)


@pytest.mark.parametrize(
    "name",
    [
        "{{ 7 * 7 }}",
        "{% for x in range(9) %}x{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "{# gone #}",
        "<script>alert(1)</script>",
        "D'Arc & Cie",
        "O\\'Brien %s {0}",
        "王",
        "محمد",
        "\u202eevil",
        "a" * 500,
    ],
)
def test_a_name_is_a_name_whatever_it_looks_like(name: str) -> None:
    for kind in KINDS:
        _, body = render(kind, first_name=name)
        assert f"Bonjour {name}," in body
        assert f"Hello {name}," in body


@pytest.mark.parametrize(
    "name", ["Léa\r\nBcc: all@ici.fr\r\n\r\nhello", "Léa\nSubject: x", "Léa\u2028Bcc: all@ici.fr"]
)
def test_a_name_begins_no_header_and_no_line(own: Path, name: str) -> None:
    file = own / "fr/account_active.txt"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("Subject: ", "Subject: {{ first_name }} "), encoding="utf-8")
    subject, body = render("account_active", own, first_name=name)
    with MailServer() as server:
        rules = Mail(enabled=True, port=server.port, sender="scolpass@ici.fr")
        send(rules, ["lea@example.org"], subject, body)
        [message] = server.messages
        assert message["Bcc"] is None
        assert message.get_all("Subject") == [subject]
        assert subject.startswith(" ".join(name.split()))
        assert server.taken[0].to == ("lea@example.org",)
        assert "\nBcc" not in message.get_content()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Subject: a\n\n{{ nickname }}\n", "'nickname' is undefined"),
        ("Subject: {{ login.surname }}\n\nb\n", "has no attribute 'surname'"),
        ("Subject: a\n\n{{ 1 / 0 }}\n", "division by zero"),
        ("Subject: a\n\n{% if %}\n", "line 3 cannot be filled in"),
        ("Subject: a\n\n{{ login\n", "cannot be filled in"),
        ("Subject: a\n\n{{ ''.__class__.__mro__ }}\n", "unsafe"),
        ("Subject: a\n\n{% include '../../../etc/passwd' %}\n", "there is no mail template"),
        ("Subject: a\n\n{% include '/etc/passwd' %}\n", "there is no mail template"),
        ("Bonjour\n\nb\n", "does not begin with a line 'Subject: ...'"),
        ("Subject: a\n", "does not begin with a line 'Subject: ...'"),
        ("", "does not begin with a line 'Subject: ...'"),
    ],
)
def test_a_template_at_fault_is_named(own: Path, text: str, said: str) -> None:
    (own / "fr/reset_password.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        render("reset_password", own)
    assert said in caught.value.message
    assert "config/mail" in caught.value.cure
    assert str(own) in caught.value.message
    render("account_active", own)  # the others go on


def test_a_template_that_is_missing_or_no_text_is_named(own: Path) -> None:
    file = own / "en/reset_password.txt"
    file.write_bytes("Subject: é\n\nb".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"en/reset_password.txt cannot be filled in"):
        render("reset_password", own)
    file.unlink()
    with pytest.raises(ConfigurationError, match=f"there is no mail template {file}"):
        render("reset_password", own)


def test_a_template_that_was_mended_is_read_anew(own: Path) -> None:
    templates = Templates(own)
    given = {"fr": COMMON | LINK}
    templates.render("reset_password", given)
    (own / "fr/reset_password.txt").write_text("Subject: Neuf\n\n{{ link }}\n", encoding="utf-8")
    assert templates.render("reset_password", given) == ("Neuf", f"{LINK['link']}\n")


# --- in the reader's words ------------------------------------------------------------------------


def test_days_and_hours_are_in_the_reader_s_words() -> None:
    assert day_words(date(2027, 12, 31), "fr") == "31 décembre 2027"
    assert day_words(date(2028, 1, 1), "fr") == "1er janvier 2028"
    assert day_words(date(2028, 1, 1), "en") == "1 January 2028"
    at = datetime(2026, 7, 3, 22, 5, tzinfo=UTC).astimezone(ZoneInfo("Europe/Paris"))
    assert minute_words(at, "fr") == "4 juillet 2026 à 00 h 05"
    assert minute_words(at, "en") == "4 July 2026 at 00:05"


# --- which notice is due --------------------------------------------------------------------------

END = date(2027, 12, 31)


@pytest.mark.parametrize(
    ("left", "days"),
    [(61, None), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (1, 7), (0, 7), (-1, None)],
)
@pytest.mark.parametrize("state", [State.ACTIVE, State.GRACE])
def test_the_nearest_notice_is_due(left: int, days: int | None, state: State) -> None:
    known = Known("uid=x", "x", "x@ici.fr", state=state, cutoff=END)
    assert notice_due(known, END - timedelta(days=left)) == days


@pytest.mark.parametrize(
    "known",
    [
        *(
            Known("uid=x", "x", "x@ici.fr", state=state, cutoff=END)
            for state in (None, State.INACTIVE, State.SUSPENDED, State.EXPIRED, State.PURGED)
        ),
        Known("uid=x", "x", "x@ici.fr", state=State.GRACE, cutoff=END, gone=True),
        Known("uid=x", "x", "x@ici.fr", state=State.GRACE),
    ],
)
def test_only_accounts_in_use_are_told_of_their_end(known: Known) -> None:
    assert notice_due(known, END - timedelta(days=7)) is None
