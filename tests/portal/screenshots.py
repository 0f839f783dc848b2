"""Makes the pictures of docs/first-connection.md anew: ``python -m tests.portal.screenshots``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from connector.activation.visits import Step
from connector.web.first_connection.routes import PATHS, SIGN_IN, START
from tests.portal.common import open_site
from tests.portal.walking import here, make, sign_in
from tests.support.chromium import opened_chromium
from tests.support.directory import LocalDirectory
from tests.support.walk import student

LINKS = {
    "institution": {
        "help_url": "https://www.umontpellier.fr/aide",
        "legal_url": "https://www.umontpellier.fr/mentions-legales",
    },
    "http": {"public_url": "https://ent.umontpellier.fr"},
}
PICTURES = Path(__file__).parents[2] / "docs/premiere-connexion"


def main() -> None:
    """Walk through the pages once, as Léa Martin, and keep what she sees."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        directory = LocalDirectory(folder / "directory")
        try:
            _walk(folder, directory)
        finally:
            directory.remove()


def _walk(folder: Path, directory: LocalDirectory) -> None:
    with (
        open_site(folder / "workspace", directory, [student("22600001")], LINKS) as site,
        opened_chromium() as browser,
    ):
        page = browser.new_page(
            base_url=site.url, locale="fr-FR", viewport={"width": 640, "height": 600}
        )
        who = site.student()

        def take(name: str) -> None:
            page.mouse.move(0, 0)
            page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

        page.goto(START)
        take("0-je-suis-etudiant")
        page.goto(SIGN_IN)
        page.fill("[name=identifier]", who.login)
        take("1-identifiants")
        sign_in(page, who)
        here(page, PATHS[Step.BACKUP_MAIL])
        page.fill("[name=backup_mail]", "lea.martin@laposte.net")
        take("2-adresse-de-secours")
        make(page, Step.BACKUP_MAIL, "lea.martin@laposte.net")
        page.check("[name=charter]")
        take("3-charte")
        make(page, Step.CHARTER)
        page.fill("[name=forward_to]", "lea.martin@example.org")
        page.check("[name=keep_copy]")
        take("4-redirection")
        make(page, Step.FORWARDING, "lea.martin@example.org", copy=True)
        page.locator("[name=new_password]").press_sequentially("cigale")
        page.locator("[data-rule=digit].broken").wait_for()
        take("5-mot-de-passe")
        make(page, Step.PASSWORD)
        site.wait_active(who)
        page.reload()
        take("6-termine")
        browser.close()


if __name__ == "__main__":
    main()
