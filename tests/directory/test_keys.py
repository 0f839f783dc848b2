"""Keys that seal provisional passwords are rotated: a new one first, and all sealed under it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import closing

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from connector.desk import keys
from connector.edges.journal import open_journal
from connector.edges.journal.tables import sealed
from connector.edges.sealing import Sealer, new_key
from connector.errors import ScolpassError, UsageError
from connector.walk.context import Context
from tests.support.desk import recorded
from tests.support.killing import killed_between
from tests.support.walk import Walk, students

NUMBERS = [str(number) for number in range(22600001, 22600006)]


def rotate(walk: Walk, reason: str = "once a year") -> keys.Rotated:
    with walk.context() as opened, opened.writing("keys rotate by tester"):
        return keys.rotate(opened, reason)


def in_file(walk: Walk) -> list[str]:
    """The keys in the key file."""
    lines = walk.workspace.key.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def printed(walk: Walk) -> dict[str, str]:
    """Each student's provisional password, opened with whatever the key file has."""
    return {number: walk.password(number) for number in NUMBERS}


def opens_all(walk: Walk, lines: Sequence[str]) -> bool:
    """Whether these keys alone open every sealed password."""
    sealer = Sealer([SecretStr(line) for line in lines])
    with walk.context() as opened:
        rows = opened.journal.sealed_rows()
    assert rows
    for row in rows:
        try:
            sealer.unseal(row.student_number, row.ciphertext)
        except ScolpassError:
            return False
    return True


def put_sealed(walk: Walk, number: str, slot: str, text: bytes) -> None:
    """Put a sealed password into the journal as it is."""
    with walk.context() as opened:
        url = opened.settings.journal.url.get_secret_value()
    with closing(open_journal(url)) as journal, journal._writing("a test") as connection:
        connection.execute(
            sa.delete(sealed).where(sealed.c.student_number == number, sealed.c.slot == slot)
        )
        connection.execute(
            sa.insert(sealed).values(
                student_number=number, slot=slot, ciphertext=text, printable=True
            )
        )


@pytest.fixture
def enrolled(walk: Walk) -> Walk:
    walk.synced(students(len(NUMBERS)))
    return walk


def test_a_new_key_comes_first_and_seals_every_password_alone(enrolled: Walk) -> None:
    before, [old] = printed(enrolled), in_file(enrolled)
    rotated = rotate(enrolled)
    new, *earlier = in_file(enrolled)
    assert (rotated.sealed, rotated.keys, rotated.lost) == (len(NUMBERS), 2, ())
    assert earlier == [old]
    assert new != old
    assert opens_all(enrolled, [new])
    assert not opens_all(enrolled, [old])
    assert printed(enrolled) == before
    enrolled.writes_nothing()
    enrolled.invariants().check()


def test_a_pending_password_is_sealed_anew_too(enrolled: Walk) -> None:
    with enrolled.context() as opened:
        pending = opened.sealer.seal(NUMBERS[0], SecretStr("987654"))
    put_sealed(enrolled, NUMBERS[0], "next", pending)
    assert rotate(enrolled).sealed == len(NUMBERS) + 1
    assert opens_all(enrolled, in_file(enrolled)[:1])
    with enrolled.context() as opened:
        text = opened.journal.ciphertexts([NUMBERS[0]], "next")[NUMBERS[0]]
        assert opened.sealer.unseal(NUMBERS[0], text).get_secret_value() == "987654"


def test_it_is_in_the_history_and_no_key_is_anywhere_else(enrolled: Walk) -> None:
    done = enrolled.workspace.scolpass("keys", "rotate", "--reason", "once a year")
    assert done.returncode == 0, done.stderr
    assert "5 passwords are sealed under it" in " ".join(done.stdout.split())
    assert "systemctl reload scolpass" in " ".join(done.stdout.split())
    [(_, reason)] = recorded(enrolled, "rotate", "")
    assert reason == "a new key; 5 passwords were resealed: once a year"
    said = done.stdout + done.stderr
    for file in enrolled.workspace.folder.rglob("*"):
        if file.is_file() and file != enrolled.workspace.key:
            said += file.read_bytes().decode("latin-1")
    assert not [key for key in in_file(enrolled) if key in said]


def test_the_answer_for_machines_tells_what_was_done(enrolled: Walk) -> None:
    answer = enrolled.workspace.json("keys", "rotate")
    assert answer == {
        "run": answer["run"],
        "file": str(enrolled.workspace.key),
        "keys": 2,
        "sealed": 5,
        "lost": [],
    }


def test_comments_and_rights_of_the_key_file_stay(enrolled: Walk) -> None:
    file = enrolled.workspace.key
    file.write_text(f"# made in 2026\n{file.read_text()}# the end\n")
    file.chmod(0o400)
    before = file.read_text()
    rotate(enrolled)
    assert file.read_text().partition("\n")[2] == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert not list(file.parent.glob(".*.part"))


def test_with_one_key_lost_the_others_are_sealed_anew_and_it_is_named(enrolled: Walk) -> None:
    lost = Sealer([SecretStr(new_key())]).seal(NUMBERS[2], SecretStr("123456"))
    put_sealed(enrolled, NUMBERS[2], "live", lost)
    done = enrolled.workspace.scolpass("keys", "rotate")
    assert done.returncode == 1
    assert f"No key opens the sealed password of 1: {NUMBERS[2]}" in " ".join(done.stdout.split())
    others = [number for number in NUMBERS if number != NUMBERS[2]]
    assert all(enrolled.password(number) for number in others)
    with enrolled.context() as opened:
        assert opened.journal.ciphertexts([NUMBERS[2]], "live") == {NUMBERS[2]: lost}


def test_killed_anywhere_every_password_opens_and_it_can_be_run_again(
    enrolled: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "TOGETHER", 2)
    before = printed(enrolled)

    def act(opened: Context) -> None:
        with opened.writing("keys rotate by tester"):
            keys.rotate(opened, "once a year")

    point = 1
    while killed_between(enrolled, act, point=point):
        assert printed(enrolled) == before
        rotate(enrolled)
        assert opens_all(enrolled, in_file(enrolled)[:1])
        assert printed(enrolled) == before
        point += 1
    assert point > 5  # three times two passwords, and the run's beginning and end
    enrolled.invariants().check()


def test_a_disk_that_is_full_leaves_the_key_file_and_the_seals_as_they_are(
    enrolled: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, file = printed(enrolled), enrolled.workspace.key.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr("connector.edges.files.os.rename", full)
        with pytest.raises(ScolpassError, match="No space left"):
            rotate(enrolled)
    assert enrolled.workspace.key.read_bytes() == file
    assert not list(enrolled.workspace.folder.glob(".*.part"))
    assert printed(enrolled) == before
    rotate(enrolled)
    assert opens_all(enrolled, in_file(enrolled)[:1])


def test_who_opened_the_keys_before_opens_what_was_sealed_since(enrolled: Walk) -> None:
    before = printed(enrolled)
    with enrolled.context() as daemon:
        rotate(enrolled)
        texts = daemon.journal.ciphertexts(NUMBERS, "live")
        found = {n: daemon.sealer.unseal(n, text).get_secret_value() for n, text in texts.items()}
        assert found == before
        fresh = daemon.sealer.seal(NUMBERS[0], SecretStr("555555"))
    assert not Sealer([SecretStr(in_file(enrolled)[0])]).needs_rotation(fresh)


def test_a_key_file_that_is_a_link_is_not_replaced(enrolled: Walk) -> None:
    file = enrolled.workspace.key
    target = file.rename(file.with_name("elsewhere.key"))
    file.symlink_to(target)
    content = target.read_text()
    with pytest.raises(UsageError, match="is a link"):
        rotate(enrolled)
    assert target.read_text() == content
    assert file.is_symlink()


def test_keys_from_a_credential_are_rotated_where_they_are_kept(
    enrolled: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = enrolled.workspace.key
    folder = enrolled.workspace.folder / "credentials"
    folder.mkdir()
    kept = file.rename(folder / file.name)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    with pytest.raises(UsageError, match="systemd credential") as told:
        rotate(enrolled)
    assert "SCOLPASS_KEYS__FILE" in told.value.cure
    done = enrolled.workspace.scolpass("keys", "rotate", SCOLPASS_KEYS__FILE=str(kept))
    assert done.returncode == 0, done.stderr
    assert len(kept.read_text().splitlines()) == 2
