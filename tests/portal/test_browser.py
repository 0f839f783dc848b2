"""A student's first connection in a real browser, from her letter to her own password."""

from __future__ import annotations

import re
import subprocess

from tests.portal.common import BACKUP, CHARTER, DONE, FORWARDING, GOOD, PASSWORD, Site
from tests.portal.conftest import Browsers
from tests.portal.walking import has_activated, here


def letter(site: Site, number: str) -> str:
    """What stands on a student's printed letter, as she reads it."""
    out = site.workspace.folder / f"{number}.pdf"
    done = site.workspace.scolpass("letters", number, "--out", str(out))
    assert done.returncode == 0, done.stderr
    read = subprocess.run(
        ["pdftotext", "-layout", str(out), "-"], capture_output=True, text=True, check=True
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
    page.get_by_label("Identifiant").fill(found(r"Identifiant (\S+@\S+)", text))
    page.get_by_label("Mot de passe provisoire").fill(found(r"provisoire (\d{6})\b", text))
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
    page.get_by_label("Le même, encore une fois").fill(GOOD)
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
