"""Provisional passwords: uniform, hashed as slapd wants them, sealed for one student."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2.low_level import Type, verify_secret
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from connector.edges.sealing import Sealer, draw, hash_argon2id, new_key
from connector.errors import ConfigurationError, EntryError

KEY, OTHER_KEY = SecretStr(new_key()), SecretStr(new_key())


# --- draw ---------------------------------------------------------------------------------------


@given(st.integers(1, 64), st.text(min_size=2, max_size=20))
def test_a_password_has_the_length_and_the_signs_asked_for(length: int, alphabet: str) -> None:
    drawn = draw(length, alphabet).get_secret_value()
    assert len(drawn) == length
    assert set(drawn) <= set(alphabet)


@pytest.mark.parametrize("alphabet", ["0123456789", "abcdefg", "23456789ABCDEFGHJKMNPQRSTUVWXYZ"])
def test_every_sign_is_as_likely_as_every_other_at_every_place(alphabet: str) -> None:
    passwords = [draw(6, alphabet).get_secret_value() for _ in range(30_000)]
    expected = len(passwords) / len(alphabet)
    for place in range(6):
        counts = Counter(password[place] for password in passwords)
        chi_square = sum((counts[sign] - expected) ** 2 / expected for sign in alphabet)
        # Mean k-1, deviation sqrt(2(k-1)): eight deviations off comes once in far more than 10^6
        # runs, while a draw by modulo of a byte over ten characters is 20 deviations off.
        freedom = len(alphabet) - 1
        assert chi_square < freedom + 8 * (2 * freedom) ** 0.5


def test_leading_zeros_are_kept() -> None:
    passwords = [draw(6, "0123456789").get_secret_value() for _ in range(2_000)]
    assert all(re.fullmatch(r"\d{6}", password) for password in passwords)
    assert any(password.startswith("0") for password in passwords)


def test_a_password_does_not_print() -> None:
    drawn = draw(40, "ab")
    assert drawn.get_secret_value() not in f"{drawn} {drawn!r}"


# --- hash ---------------------------------------------------------------------------------------


def test_a_hash_is_what_slapd_reads() -> None:
    hashed = hash_argon2id(SecretStr("042137"), memory_cost=1024, time_cost=2)
    value = hashed.get_secret_value()
    assert re.fullmatch(
        r"\{ARGON2\}\$argon2id\$v=19\$m=1024,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", value
    )
    encoded = value.removeprefix("{ARGON2}").encode()
    assert verify_secret(encoded, b"042137", Type.ID)
    assert value not in f"{hashed} {hashed!r}"


def test_the_same_password_has_another_hash_each_time_in_every_thread() -> None:
    with ThreadPoolExecutor(4) as pool:
        hashes = pool.map(lambda _: hash_argon2id(SecretStr("042137"), 64, 1), range(40))
        assert len({value.get_secret_value() for value in hashes}) == 40


# --- seal ---------------------------------------------------------------------------------------


@given(st.text(max_size=40), st.text(max_size=64))
def test_what_was_sealed_opens_for_its_student(number: str, password: str) -> None:
    sealer = Sealer([KEY])
    sealed = sealer.seal(number, SecretStr(password))
    assert sealer.unseal(number, sealed).get_secret_value() == password


def test_a_sealed_password_shows_nothing_and_differs_each_time() -> None:
    sealer = Sealer([KEY])
    first, second = (sealer.seal("00012345", SecretStr("042137")) for _ in range(2))
    assert first != second
    assert b"042137" not in first
    assert b"00012345" not in first


@pytest.mark.parametrize("other", ["00012346", "12345", "", "00012345 ", "a00012345"])
def test_a_row_moved_to_another_student_does_not_open(other: str) -> None:
    sealer = Sealer([KEY])
    sealed = sealer.seal("00012345", SecretStr("042137"))
    with pytest.raises(EntryError, match="another student") as caught:
        sealer.unseal(other, sealed)
    assert "042137" not in str(caught.value)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_row_does_not_open(position: int, flip: int) -> None:
    sealer = Sealer([KEY])
    sealed = bytearray(sealer.seal("00012345", SecretStr("042137")))
    place = position % len(sealed)
    sealed[place] ^= flip
    # The last characters of base64 hold bits that mean nothing: either it is refused, or it is the
    # same.
    try:
        assert sealer.unseal("00012345", bytes(sealed)).get_secret_value() == "042137"
    except EntryError as error:
        assert "reissue" in error.cure  # noqa: PT017


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\x00", id="no token"),
        *(
            # Under the right key, but not as scolpass lays it out; tokens differ from run to run.
            pytest.param(Fernet(KEY.get_secret_value()).encrypt(content), id=repr(content))
            for content in (b"\xff", b"[]", b'["x", "00012345", "042137"]', b"12")
        ),
    ],
)
def test_whatever_scolpass_did_not_seal_does_not_open(sealed: bytes) -> None:
    with pytest.raises(EntryError) as caught:
        Sealer([KEY]).unseal("00012345", sealed)
    assert caught.value.cure


def test_the_wrong_key_is_named_with_the_cure() -> None:
    sealed = Sealer([OTHER_KEY]).seal("00012345", SecretStr("042137"))
    with pytest.raises(EntryError, match="00012345 does not open with any key") as caught:
        Sealer([KEY]).unseal("00012345", sealed)
    assert "key file" in caught.value.cure
    assert "reissue" in caught.value.cure


# --- rotation -----------------------------------------------------------------------------------


def test_while_keys_rotate_the_first_seals_and_all_open() -> None:
    old, both, new = Sealer([OTHER_KEY]), Sealer([KEY, OTHER_KEY]), Sealer([KEY])
    sealed = old.seal("00012345", SecretStr("042137"))
    assert both.unseal("00012345", sealed).get_secret_value() == "042137"
    assert both.needs_rotation(sealed)
    rotated = both.rotate(sealed)
    assert not both.needs_rotation(rotated)
    assert new.unseal("00012345", rotated).get_secret_value() == "042137"
    with pytest.raises(EntryError, match="another student"):
        new.unseal("00012346", rotated)
    fresh = both.seal("00012345", SecretStr("042137"))
    assert new.unseal("00012345", fresh).get_secret_value() == "042137"


def test_what_no_key_opens_is_not_rotated() -> None:
    sealed = Sealer([OTHER_KEY]).seal("00012345", SecretStr("042137"))
    with pytest.raises(EntryError, match="does not open"):
        Sealer([KEY]).rotate(sealed)


@pytest.mark.parametrize(
    "line",
    ["hunter2", "", "é" * 44, "A" * 43, "A" * 88, pytest.param(new_key()[:-4], id="cut short")],
)
def test_a_line_that_is_no_key_is_named_by_its_place_alone(line: str) -> None:
    with pytest.raises(ConfigurationError, match="key 2 of the key file") as caught:
        Sealer([KEY, SecretStr(line)])
    assert caught.value.cure
    assert not line or line not in str(caught.value)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(ConfigurationError, match="no key") as caught:
        Sealer([])
    assert "scolpass init" in caught.value.cure


def test_new_keys_differ() -> None:
    assert len({new_key() for _ in range(100)}) == 100
