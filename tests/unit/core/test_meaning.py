"""Raw values of the directory, with what they mean beside them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from connector.core.account import State
from connector.core.dates import shown
from connector.core.meaning import meaning, with_meaning
from connector.core.supann_reading import SUSPENDED_UNTIL
from connector.core.supann_writing import state_value

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "supannRessourceEtatDate",
            "{COMPTE}S:SupannVerrouAdministratif:20261001:20271231",
            "account suspended since 01/10/2026, through 31/12/2027",
        ),
        (
            "supannRessourceEtatDate",
            "{MAIL}A:SupannActif:20261001:",
            "mail active since 01/10/2026",
        ),
        ("supannRessourceEtatDate", "{COMPTE}I:SupannExpire::", "account expired"),
        ("supannRessourceEtatDate", "{VPN}A:SupannActif:20261001:", ""),
        ("supannRessourceEtatDate", "no state", ""),
        ("supannRessourceEtat", "{COMPTE}A:SupannSursis", "account in grace"),
        ("pwdEndTime", "20271231230000Z", "the bind is refused from 01/01/2028 00:00"),
        ("pwdStartTime", SUSPENDED_UNTIL, "closed while suspended"),
        ("pwdStartTime", "20270101000000Z", "the bind is refused until 01/01/2027 01:00"),
        ("pwdReset", "TRUE", "opens nothing but a change of the password"),
        ("mail", "lea.martin@etu.umontpellier.fr", ""),
    ],
)
def test_a_raw_value_has_its_meaning_beside_it(name: str, value: str, expected: str) -> None:
    assert meaning(name, value, PARIS) == expected
    assert with_meaning(name, value, PARIS) == (f"{value} ({expected})" if expected else value)


@pytest.mark.parametrize("resource", ["COMPTE", "MAIL"])
@pytest.mark.parametrize("state", [state for state in State if state is not State.PURGED])
def test_every_state_that_is_written_has_words(resource: str, state: State) -> None:
    dated = state_value(resource, state, date(2026, 10, 1), date(2027, 12, 31))
    assert meaning("supannRessourceEtatDate", dated, PARIS)
    assert meaning("supannRessourceEtat", dated.rsplit(":", 2)[0], PARIS)


def test_days_and_instants_have_one_format_in_the_institutions_time() -> None:
    assert shown(date(2027, 12, 31)) == "31/12/2027"
    assert shown(datetime(2027, 12, 31, 23, 30, tzinfo=UTC), PARIS) == "01/01/2028 00:30"
