"""A student's first connection in a real browser, from her letter to her own password."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from ldap3 import MODIFY_REPLACE
from playwright.sync_api import Page, expect

from connector.activation.visits import Step
from connector.core.languages import LANGUAGES
from connector.web.first_connection.routes import PATHS, SIGN_IN, START
from tests.portal.common import (
    BACKUP,
    CHARTER,
    DONE,
    FORWARDING,
    GOOD,
    PASSWORD,
    STEPS,
    Site,
)
from tests.portal.conftest import Browsers
from tests.portal.walking import (
    ERROR,
    PAGES_SEEN,
    PHONE,
    SEND,
    every_page,
    go_to,
    goes_on,
    has_activated,
    here,
    make,
    sign_in,
)
from tests.support.walk import student, students

AXE = Axe()
EVERYTHING = {
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}},  # of WCAG 2.2, and off by default
}


def letter(site: Site, number: str) -> str:
    """What stands on a student's printed letter, as she reads it."""
    out = site.workspace.folder / f"{number}.pdf"
    done = site.workspace.scolpass("letters", number, "--out", str(out))
    assert done.returncode == 0, done.stderr
    read = subprocess.run(
        ["pdftotext", "-raw", str(out), "-"], capture_output=True, text=True, check=True
    )
    return re.sub(r"\s+", " ", read.stdout)


def found(pattern: str, text: str) -> str:
    """What a reader finds at one place of a text."""
    match = re.search(pattern, text)
    assert match is not None, (pattern, text)
    return match[1]


# --- what she has is a letter ---------------------------------------------------------------------


def test_she_activates_with_what_stands_on_her_letter_and_nothing_else(
    site: Site, browsers: Browsers
) -> None:
    who = site.student()
    text = letter(site, who.number)
    public = site.settings.http.public_url
    path = found(rf"{re.escape(public)}(/premiere-connexion)\b", text)
    page = browsers.open(site)
    page.goto(path)
    page.get_by_text("Je suis étudiant", exact=True).click()
    page.get_by_label("Identifiant").fill(found(r"Identifiant\s+(\S+@\S+)", text))
    page.get_by_label("Mot de passe provisoire").fill(
        found(r"provisoire\s+(\d{3}\s*\d{3})\b", text)
    )
    page.get_by_role("button", name="Se connecter").click()
    here(page, BACKUP)
    page.get_by_label("Adresse mail de secours").fill("lea@laposte.net")
    page.get_by_role("button", name="Continuer").click()
    here(page, CHARTER)
    page.get_by_label("J'ai lu la charte et je l'accepte").check()
    page.get_by_role("button", name="Continuer").click()
    here(page, FORWARDING)
    page.get_by_label("Rediriger mes mails vers").fill("lea@example.com")
    page.get_by_label("Garder aussi une copie").check()
    page.get_by_role("button", name="Continuer").click()
    here(page, PASSWORD)
    page.get_by_label("Nouveau mot de passe").fill(GOOD)
    page.get_by_label("Confirmez le mot de passe").fill(GOOD)
    page.get_by_role("button", name="Enregistrer mon mot de passe").click()
    here(page, DONE)
    entry = has_activated(site, who)
    local = who.login.partition("@")[0]
    assert entry["supannMailPerso"] == ["lea@laposte.net"]
    assert set(entry["mailForwardingAddress"]) == {
        "lea@example.com",
        f"{local}@mailbox.etu.umontpellier.fr",
    }
    assert entry["scolpassCharter"][0].startswith("2026 ")


# --- other browsers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "copy"), [("lea@example.com", True), ("lea@example.com", False), ("", False)]
)
def test_it_works_without_scripts_and_mail_goes_as_she_asked(
    site: Site, browsers: Browsers, to: str, copy: bool
) -> None:
    who = site.student()
    page = browsers.open(site, java_script_enabled=False)
    go_to(page, who, Step.PASSWORD, to=to, copy=copy)
    assert page.locator("button.reveal").count() == 0
    make(page, Step.PASSWORD)
    mailbox = f"{who.login.partition('@')[0]}@mailbox.etu.umontpellier.fr"
    expected = {to, mailbox} if copy else {to} - {""}
    assert set(has_activated(site, who).get("mailForwardingAddress", [])) == expected


def test_it_works_on_a_phone_and_nothing_is_too_wide_or_too_small(
    site: Site, browsers: Browsers
) -> None:
    who = site.student()
    page = browsers.open(site, **PHONE)
    seen = []
    for name in every_page(page, site, who):
        fits_a_phone(page, name)
        seen.append(name)
    assert len(seen) == len(PAGES_SEEN)
    has_activated(site, who)


def fits_a_phone(page: Page, name: str) -> None:
    """See that a page scrolls in one direction alone, and that fingers find what they need."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name}: {wide} px too wide"
    small = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input:not([type=hidden])")]
            .map(element => [element.getBoundingClientRect(), element.outerHTML.slice(0, 90)])
            .filter(([box]) => box.right > 0 && Math.min(box.width, box.height) < 24)
            .map(([box, html]) => `${box.width} x ${box.height}: ${html}`)"""
    )
    assert small == [], name


def test_it_works_by_keyboard_alone(site: Site, browsers: Browsers) -> None:
    who = site.student()
    page = browsers.open(site)
    page.goto(SIGN_IN)
    press = page.keyboard.press
    press("Tab")
    assert focused(page, "className") == "skip"
    tab_to(page, "identifier")
    page.keyboard.type(who.login)
    press("Tab")
    page.keyboard.type("000000" if who.password != "000000" else "000001")
    press("Enter")
    expect(page.locator("#errors")).to_be_focused()
    tab_to(page, "identifier")
    assert focused(page, "value") == who.login
    press("Tab")
    page.keyboard.type(who.password)
    press("Enter")
    here(page, BACKUP)
    tab_to(page, "backup_mail")
    page.keyboard.type("lea@example.org")
    press("Enter")
    here(page, CHARTER)
    tab_to(page, "charter")
    press("Space")
    tab_to(page, "", "BUTTON")
    press("Enter")
    here(page, FORWARDING)
    tab_to(page, "forward_to")
    page.keyboard.type("lea@example.com")
    tab_to(page, "keep_copy")
    press("Space")
    tab_to(page, "", "BUTTON")
    press("Space")
    here(page, PASSWORD)
    tab_to(page, "new_password")
    page.keyboard.type(GOOD)
    tab_to(page, "new_password_again")
    page.keyboard.type(GOOD)
    press("Enter")
    here(page, DONE)
    assert len(has_activated(site, who)["mailForwardingAddress"]) == 2


def focused(page: Page, what: str) -> str:
    """Something of the element that has the focus."""
    return str(page.evaluate(f"document.activeElement.{what}"))


def tab_to(page: Page, id: str, tag: str = "") -> None:
    """Press Tab until a field, or the button that sends a form, has the focus, and can be seen."""
    for _ in range(30):
        page.keyboard.press("Tab")
        reveals = focused(page, "className") == "reveal"
        if (id and focused(page, "id") == id) or (
            tag and focused(page, "tagName") == tag and not reveals
        ):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"no Tab leads to {id or tag}")


def test_it_works_in_english(site: Site, browsers: Browsers) -> None:
    who = site.student()
    page = browsers.open(site, locale="en-GB")
    page.goto(START)
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("First connection")
    page.get_by_role("link", name="I am a student").click()
    page.get_by_label("Login").fill(who.login)
    page.get_by_label("Provisional password").fill(who.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Backup email address").fill("lea@example.org")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Acceptable use policy", exact=True)).to_be_visible()
    page.get_by_label("I have read the policy and accept it").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("New password").fill(GOOD)
    page.get_by_label("Confirm the password").fill(GOOD)
    page.get_by_role("button", name="Save my password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All done")
    assert page.locator("html").get_attribute("lang") == "en"
    has_activated(site, who)


def test_her_birth_date_is_asked_for_where_it_is_the_second_element(
    own_site: Callable[..., Site], browsers: Browsers
) -> None:
    site = own_site(students(2), activation={"second_factor": "birth_date"})
    who, other = site.student(), site.student()
    page = browsers.open(site)
    for given in ("", "31/02/2008", "28/02/2008"):
        sign_in(page, who, birth_date=given)
        expect(page.locator(ERROR)).to_have_count(1)
        here(page, SIGN_IN)
    for wrong in ("01/01/2001", "28.02.2008"):
        sign_in(page, other, birth_date=wrong)
        expect(page.get_by_role("alert")).to_contain_text("n'est pas le bon")
    assert page.input_value("[name=birth_date]") == wrong
    assert page.input_value("[name=password]") == ""
    for given in ("29/02/2008", "29.2.2008", "2008-02-29", "29022008"):
        sign_in(page, who, birth_date=given)
        here(page, BACKUP)
        page.get_by_role("button", name="Quitter").click()
        here(page, START)


# --- what she is told -----------------------------------------------------------------------------


def test_a_password_that_breaks_a_rule_is_shown_as_such_and_refused(
    site: Site, browsers: Browsers
) -> None:
    who = site.student()
    page = browsers.open(site)
    go_to(page, who, Step.PASSWORD)
    page.get_by_role("button", name="Afficher").first.wait_for()  # its scripts run
    rule = page.locator("[data-rule=length]")
    page.locator("[name=new_password]").press_sequentially("Ab1")
    expect(rule).to_have_class("broken")
    expect(rule).to_contain_text("non respectée")
    page.locator("[name=new_password]").press_sequentially("gale-chantante")
    expect(rule).to_have_class("met")
    expect(page.locator(".strength")).to_contain_text("Solidité")
    page.fill("[name=new_password]", "Ab1")
    page.fill("[name=new_password_again]", "Ab1")
    page.click(SEND)
    expect(page.locator("#new_password-error")).to_contain_text("ne respecte pas toutes les règles")
    expect(rule).to_have_class("broken")
    assert page.title().startswith("Erreur\u00a0: ")
    assert "Ab1" not in page.content()
    page.fill("[name=new_password]", GOOD)
    page.fill("[name=new_password_again]", f"{GOOD}!")
    page.click(SEND)
    expect(page.locator("#new_password_again-error")).to_contain_text("sont différents")
    assert site.is_untouched(who)
    make(page, Step.PASSWORD)
    has_activated(site, who)


def test_what_she_types_can_be_shown_and_is_hidden_again(site: Site, browsers: Browsers) -> None:
    page = browsers.open(site)
    go_to(page, site.student(), Step.PASSWORD)
    field = page.locator("[name=new_password]")
    field.fill(GOOD)
    assert field.get_attribute("type") == "password"
    page.get_by_role("button", name="Afficher").first.click()
    assert field.get_attribute("type") == "text"
    page.get_by_role("button", name="Masquer").click()
    assert field.get_attribute("type") == "password"


def test_wrong_addresses_and_a_charter_that_is_not_accepted_are_named_and_kept(
    site: Site, browsers: Browsers
) -> None:
    page = browsers.open(site)
    sign_in(page, site.student())
    for given, reason in (
        ("", "Ce champ est obligatoire"),
        ("lea", "pas une adresse"),
        ("léa@example.org", "accents"),
        ("lea@etu.umontpellier.fr", "adresse personnelle"),
        ("lea@ETU.UMontpellier.FR", "adresse personnelle"),
        ("lea@ETU.UMontpellier.FR.", "pas une adresse"),
    ):
        page.fill("[name=backup_mail]", given)
        page.click(SEND)
        expect(page.locator("#backup_mail-error")).to_contain_text(reason)
        assert page.input_value("[name=backup_mail]") == given
        expect(page.locator(ERROR)).to_have_count(1)
        expect(page.locator("[name=backup_mail]")).to_be_focused()
    make(page, Step.BACKUP_MAIL)
    page.click(SEND)
    expect(page.locator("#charter-error")).to_contain_text("acceptez-la")
    make(page, Step.CHARTER)
    page.fill("[name=forward_to]", "lea@umontpellier.fr")
    page.check("[name=keep_copy]")
    page.click(SEND)
    expect(page.locator("#forward_to-error")).to_contain_text("adresse personnelle")
    assert page.is_checked("[name=keep_copy]")


def test_that_slapd_refuses_a_password_by_its_own_policy_is_told(
    own_site: Callable[..., Site], browsers: Browsers
) -> None:
    site = own_site()
    who = site.student()
    page = browsers.open(site)
    go_to(page, who, Step.PASSWORD)
    with site.directory.connect() as admin:
        for name, value in (("pwdCheckQuality", "2"), ("pwdMinLength", "60")):
            admin.modify(site.directory.policy_dn, {name: [(MODIFY_REPLACE, [value])]})
    page.fill("[name=new_password]", GOOD)
    page.fill("[name=new_password_again]", GOOD)
    page.click(SEND)
    expect(page.locator("#new_password-error")).to_contain_text("refuse ce mot de passe")
    here(page, PASSWORD)
    assert site.is_untouched(who)
    with site.directory.connect() as admin:
        admin.modify(site.directory.policy_dn, {"pwdMinLength": [(MODIFY_REPLACE, ["0"])]})
    make(page, Step.PASSWORD)
    has_activated(site, who)


def test_a_hostile_name_is_shown_literally_on_letter_and_pages(
    own_site: Callable[..., Site], browsers: Browsers
) -> None:
    name = "Işıl <b>{{7*7}}${7*7}</b>"
    site = own_site([student("22600001", name, "Yıldırım #{7*7}")])
    who = site.student()
    text = letter(site, who.number)
    assert "Işıl <b>{{7*7}}${7*7}</b>" in text
    assert "Yıldırım #{7*7}" in text
    page = browsers.open(site)
    for _ in every_page(page, site, who):
        assert page.locator("b").count() == 0
        assert "49" not in page.locator("main").inner_text().replace(who.login, "")
    has_activated(site, who)


# --- interruptions --------------------------------------------------------------------------------


@pytest.mark.parametrize("step", list(Step))
def test_who_closes_her_browser_goes_on_where_she_was(
    site: Site, browsers: Browsers, step: Step
) -> None:
    who = site.student()
    with browsers.opened(site) as before:
        go_to(before, who, step, to="lea@example.com")
    page = browsers.open(site)
    sign_in(page, who, GOOD if step is Step.DONE else "")
    goes_on(page, step)
    for later in list(Step)[list(Step).index(step) : -1]:
        make(page, later, "lea@example.com" if later is Step.FORWARDING else "")
    assert has_activated(site, who)["mailForwardingAddress"] == ["lea@example.com"]


def test_a_service_that_is_killed_at_each_step_loses_nothing(
    own_site: Callable[..., Site], browsers: Browsers
) -> None:
    site = own_site(students(1))
    who = site.student()
    page = browsers.open(site)
    sign_in(page, who)
    for step in list(Step)[:-1]:
        here(page, PATHS[step])
        site.daemon.kill()
        site.daemon.restart()
        site.daemon.wait_up()
        make(page, step, "lea@example.com" if step is Step.FORWARDING else "")
    site.daemon.kill()
    site.daemon.restart()
    site.daemon.wait_ready()
    page.reload()
    here(page, DONE)
    entry = has_activated(site, who)
    assert entry["supannMailPerso"] == ["lea@example.org"]
    assert entry["mailForwardingAddress"] == ["lea@example.com"]
    site.walk.invariants().check()


def test_while_the_directory_is_away_she_is_asked_to_come_again_and_loses_nothing(
    own_site: Callable[..., Site], browsers: Browsers
) -> None:
    site = own_site(students(1))
    who = site.student()
    page = browsers.open(site)
    go_to(page, who, Step.FORWARDING)
    site.directory.stop()
    page.click(SEND)
    expect(page.get_by_role("heading", level=1)).to_have_text("Un instant")
    site.directory.start()
    page.goto(START)
    make(page, Step.FORWARDING)
    make(page, Step.PASSWORD)
    has_activated(site, who)


def test_a_directory_that_was_restarted_meanwhile_is_nothing_she_notices(
    own_site: Callable[..., Site], browsers: Browsers
) -> None:
    site = own_site(students(1))
    who = site.student()
    page = browsers.open(site)
    sign_in(page, who)
    for step in list(Step)[:-1]:
        here(page, PATHS[step])
        site.directory.restart()
        make(page, step)
    has_activated(site, who)


def test_a_session_that_was_idle_for_half_an_hour_is_over_and_nothing_is_lost(
    site: Site, browsers: Browsers
) -> None:
    who = site.student()
    page = browsers.open(site)
    go_to(page, who, Step.FORWARDING)
    site.age_sessions(who, "used_at", timedelta(minutes=29))
    page.reload()
    here(page, FORWARDING)
    site.age_sessions(who, "used_at", timedelta(minutes=31))
    page.click(SEND)
    here(page, SIGN_IN)
    assert site.sessions_of(who) == set()
    sign_in(page, who)
    goes_on(page, Step.FORWARDING)
    make(page, Step.FORWARDING)
    site.age_sessions(who, "opened_at", timedelta(hours=12, minutes=1))
    page.reload()
    here(page, SIGN_IN)
    sign_in(page, who)
    goes_on(page, Step.PASSWORD)
    make(page, Step.PASSWORD)
    has_activated(site, who)


def test_she_goes_back_and_changes_her_mind(site: Site, browsers: Browsers) -> None:
    who = site.student()
    page = browsers.open(site)
    go_to(page, who, Step.PASSWORD, to="lea@example.com", copy=True)
    page.get_by_role("link", name="Retour").click()
    here(page, FORWARDING)
    assert page.input_value("[name=forward_to]") == "lea@example.com"
    assert page.is_checked("[name=keep_copy]")
    page.get_by_role("link", name="Retour").click()
    here(page, CHARTER)
    assert page.is_checked("[name=charter]")
    page.get_by_role("link", name="Retour").click()
    here(page, BACKUP)
    assert page.input_value("[name=backup_mail]") == "lea@example.org"
    page.fill("[name=backup_mail]", "lea@example.net")
    page.click(SEND)
    here(page, PASSWORD)
    page.goto(FORWARDING)
    page.fill("[name=forward_to]", "")
    page.uncheck("[name=keep_copy]")
    page.click(SEND)
    make(page, Step.PASSWORD)
    entry = has_activated(site, who)
    assert entry["supannMailPerso"] == ["lea@example.net"]
    assert "mailForwardingAddress" not in entry


def test_the_browsers_own_back_button_harms_nothing(site: Site, browsers: Browsers) -> None:
    who = site.student()
    page = browsers.open(site)
    go_to(page, who, Step.FORWARDING)
    page.go_back()
    here(page, CHARTER)
    page.go_back()
    here(page, BACKUP)
    page.fill("[name=backup_mail]", "lea@example.net")
    page.click(SEND)
    make(page, Step.FORWARDING)
    make(page, Step.PASSWORD)
    page.go_back()
    here(page, PASSWORD)
    page.fill("[name=new_password]", f"{GOOD}-another")
    page.fill("[name=new_password_again]", f"{GOOD}-another")
    page.click(SEND)
    here(page, DONE)
    entry = has_activated(site, who, f"{GOOD}-another")  # hers to change again
    assert entry["supannMailPerso"] == ["lea@example.net"]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_step_that_is_sent_twice_is_made_once(
    site: Site, browsers: Browsers, scripts: bool
) -> None:
    who = site.student()
    page = browsers.open(site, java_script_enabled=scripts)
    sign_in(page, who)
    for step, fields in list(STEPS.items())[:3]:
        here(page, PATHS[step])
        for name, value in fields.items():
            page.check("[name=charter]") if name == "charter" else page.fill(
                f"[name={name}]", value
            )
        page.dblclick(SEND)
    here(page, PASSWORD)
    page.fill("[name=new_password]", GOOD)
    page.fill("[name=new_password_again]", GOOD)
    page.dblclick(SEND)
    if scripts:
        here(page, DONE)
    has_activated(site, who)


# --- for everybody --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_axe_finds_nothing_on_any_page(
    site: Site, browsers: Browsers, language: str, device: str
) -> None:
    who = site.student()
    page = browsers.open(site, **(PHONE if device == "phone" else {}))
    page.goto(f"{START}?langue={language}")
    seen = []
    for name in every_page(page, site, who):
        assert page.locator("html").get_attribute("lang") == language, name
        found = AXE.run(page, options=EVERYTHING)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        seen.append(name)
    assert set(seen) == set(PAGES_SEEN)
