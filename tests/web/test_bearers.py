"""Bearer tokens: made and revoked by commands, and taken only while and where they are good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.core.roles import Role
from connector.edges.journal import DeskSession, Journal, Look, Once, open_journal
from connector.edges.tokens import draw_token, fingerprint
from connector.web.operators import operator_of_token
from tests.support.workspace import Workspace

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=1)
MADE = ("alice", "ticketing", NOW)
INSIDE, OUTSIDE = "10.1.2.3", "10.2.0.1"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of its own."""
    opened = open_journal(f"sqlite:///{tmp_path}/journal.db")
    yield opened
    opened.close()


@pytest.fixture
def secret(journal: Journal) -> str:
    """A token of the desk, good until tomorrow, from 10.1.0.0/16 and one IPv6 network."""
    drawn = draw_token()
    networks = ("10.1.0.0/16", "2001:db8::/32")
    journal.add_token(fingerprint(drawn), Role.DESK, "tickets", networks, MADE, UNTIL)
    return drawn


def test_a_good_token_is_an_operator_with_its_role(journal: Journal, secret: str) -> None:
    operator = operator_of_token(journal, f"Bearer {secret}", INSIDE, NOW)
    assert operator is not None
    assert (operator.name, operator.role, operator.way) == ("token 1 (tickets)", Role.DESK, "token")
    assert secret not in repr(operator)


SPELLINGS = {
    "lower case": ("bearer {}", True),
    "upper case, two blanks": ("BEARER  {}", True),
    "none": ("", False),
    "the token alone": ("{}", False),
    "another scheme": ("Basic {}", False),
    "with a list": ("Bearer {}, Bearer {}", False),
    "cut short": ("Bearer {:.20}", False),
    "with more behind it": ("Bearer {}A", False),
    "with a line end": ("Bearer {}\n", False),
    "with a NUL": ("Bearer {}\0", False),
    "very long": ("Bearer {}" + " " * 10_000, False),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_only_the_token_itself_is_taken(journal: Journal, secret: str, name: str) -> None:
    spelled, taken = SPELLINGS[name]
    header = spelled.format(secret, secret)
    assert (operator_of_token(journal, header, INSIDE, NOW) is not None) == taken


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        (INSIDE, True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8:1::5", True),
        (OUTSIDE, False),
        ("2001:db9::5", False),
        ("127.0.0.1", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_it_is_taken_from_its_networks_only(
    journal: Journal, secret: str, address: str, taken: bool
) -> None:
    assert (operator_of_token(journal, f"Bearer {secret}", address, NOW) is not None) == taken


def test_it_ends_with_its_time_and_when_it_is_revoked(journal: Journal, secret: str) -> None:
    header, last = f"Bearer {secret}", UNTIL - timedelta(seconds=1)
    assert operator_of_token(journal, header, INSIDE, last)
    assert operator_of_token(journal, header, INSIDE, UNTIL) is None
    assert journal.revoke_token(1, "bob", NOW)
    assert not journal.revoke_token(1, "bob", NOW)
    assert operator_of_token(journal, header, INSIDE, NOW) is None


def test_its_use_is_noted_once_an_hour(journal: Journal, secret: str) -> None:
    noted = []
    for minutes in (0, 30, 59, 61, 100):
        operator_of_token(journal, f"Bearer {secret}", INSIDE, NOW + timedelta(minutes=minutes))
        noted.append(journal.tokens()[0].used_at)
    assert noted == [NOW] * 3 + [NOW + timedelta(minutes=61)] * 2


def test_what_is_good_once_is_used_once_and_in_its_time(journal: Journal) -> None:
    allowed = Once("alice", "provider down", NOW + timedelta(minutes=15))
    for name in ("a", "b"):
        journal.allow_once(name, "emergency", allowed)
    assert journal.use_once("a", "another purpose", NOW) is None
    assert journal.use_once("a", "emergency", NOW) == allowed
    assert journal.use_once("a", "emergency", NOW) is None
    assert journal.use_once("b", "emergency", allowed.until) is None
    assert journal.is_first_use("state", "oidc", NOW, UNTIL)
    assert not journal.is_first_use("state", "oidc", NOW, UNTIL)


def test_a_repeated_request_is_told_from_another_one(journal: Journal) -> None:
    assert journal.begin_once("alice", "k", "digest", NOW) is None
    under_way = journal.begin_once("alice", "k", "digest", NOW)
    assert under_way is not None
    assert under_way.status is None
    assert journal.begin_once("bob", "k", "digest", NOW) is None
    journal.conclude_once("alice", "k", 200, {"student_number": "22300001"})
    journal.abandon_once("alice", "k")  # it is concluded: nothing is forgotten
    again = journal.begin_once("alice", "k", "another", NOW)
    assert again is not None
    assert (again.request, again.status) == ("digest", 200)
    journal.abandon_once("bob", "k")
    assert journal.begin_once("bob", "k", "digest", NOW) is None


def test_looks_are_kept_for_their_time(journal: Journal) -> None:
    for day, number in ((0, "1"), (1, "2"), (2, "1")):
        at = NOW + timedelta(days=day)
        journal.note_look(Look(at, "alice", "session", INSIDE, number, "person"))
    assert [look.at.day for look in journal.looks("1")] == [2, 30]
    journal.forget_looks(NOW + timedelta(days=1), NOW)
    assert [look.student_number for look in journal.looks()] == ["1", "2"]


# --- the commands -----------------------------------------------------------------------------


def test_a_token_that_a_command_makes_is_shown_once_and_kept_as_a_hash(
    workspace: Workspace,
) -> None:
    made = workspace.scolpass(
        *("token", "create", "--role", "desk", "--until", "2030-01-31", "--name", "tickets"),
        *("--network", "10.1.0.0/16", "--reason", "case 12", "--json"),
    )
    told = json.loads(made.stdout)
    assert (told.keys(), told["role"], told["until"]) == (
        {"id", "token", "role", "until"},
        "desk",
        "2030-01-31",
    )
    token = told["token"]
    journal = open_journal(f"sqlite:///{workspace.journal}")
    last, over = datetime(2030, 1, 31, 12, tzinfo=UTC), datetime(2030, 2, 2, tzinfo=UTC)
    header = f"Bearer {token}"
    assert operator_of_token(journal, header, INSIDE, last)
    assert operator_of_token(journal, header, INSIDE, over) is None
    assert operator_of_token(journal, header, OUTSIDE, last) is None
    listed = workspace.scolpass("token", "list").stdout
    assert ("tickets" in listed, "good" in listed) == (True, True)
    revoked = workspace.scolpass("token", "revoke", str(told["id"]), "--reason", "leaked")
    assert revoked.returncode == 0
    assert operator_of_token(journal, header, INSIDE, last) is None
    journal.close()
    again = workspace.scolpass("token", "revoke", str(told["id"]), "--reason", "leaked")
    assert (again.returncode, "revoked before" in again.stderr) == (2, True)
    history = workspace.scolpass("history", "--action", "token", "--json").stdout
    assert [one["reason"].rpartition(": ")[2] for one in json.loads(history)] == [
        "case 12",
        "leaked",
    ]
    everywhere = [file.read_bytes() for file in workspace.folder.rglob("*") if file.is_file()]
    assert not any(token.encode() in content for content in everywhere)
    assert token not in listed + history


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--until", "2020-01-01"), "is over"),
        (("--until", "2030-01-01", "--network", "10.1.2.3/16"), "10.1.0.0/16 is meant"),
        (("--until", "2030-01-01", "--network", "campus"), "is no network"),
        (("--until", "2030-01-01", "--name", "x" * 65), "at most 64"),
        (("--until", "2030-01-01", "--reason", " "), "--reason is empty"),
    ],
)
def test_a_token_that_would_not_do_is_not_made(
    workspace: Workspace, options: tuple[str, ...], said: str
) -> None:
    given = ("token", "create", "--role", "reader", "--reason", "test", *options)
    made = workspace.scolpass(*given)
    assert (made.returncode, made.stdout) == (2, "")
    assert said in made.stderr
    assert workspace.scolpass("token", "list").stdout == "There is no token.\n"


def test_an_operator_is_signed_out_by_a_command(workspace: Workspace) -> None:
    journal = open_journal(f"sqlite:///{workspace.journal}")
    now = datetime.now(UTC)
    for identity, name in (("a", "alice"), ("b", "alice"), ("c", "bruno")):
        journal.open_desk_session(
            DeskSession(identity, name, name, "ldap", Role.DESK, now, now, now)
        )
    assert "alice" in workspace.scolpass("token", "list").stdout
    revoke = ("token", "revoke", "alice", "--reason", "left", "--json")
    ended = workspace.scolpass(*revoke)
    assert json.loads(ended.stdout) == {"operator": "alice", "sessions": 2}
    assert [one.operator for one in journal.desk_sessions()] == ["bruno"]
    assert workspace.scolpass(*revoke).returncode == 2
    assert journal.history(action="token")[-1]["reason"].endswith("left")
    journal.close()


def test_a_link_for_an_emergency_alerts_people_and_is_in_the_history(workspace: Workspace) -> None:
    made = workspace.scolpass("token", "emergency", "--reason", "provider down", "--json")
    url = json.loads(made.stdout)["url"]
    assert "/console/urgence/" in url
    journal = open_journal(f"sqlite:///{workspace.journal}")
    secret = url.rpartition("/")[2]
    [(key, text)] = journal.incidents().items()
    assert key.startswith("emergency:")
    assert "provider down" in text
    assert secret not in text
    used = journal.use_once(fingerprint(secret), "emergency", datetime.now(UTC))
    assert used is not None
    assert journal.history(action="token")[0]["reason"].endswith("provider down")
    journal.close()
