"""Standard Webhooks: what is verified, by which keys, and when."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr
from standardwebhooks import Webhook

from connector.edges.transports.webhook import Keyring, Reason, Signed, Unverified, verify
from connector.errors import ConfigurationError
from connector.log.redaction import scrub
from tests.support.signing import new_secret, sign

NOW = datetime(2026, 10, 1, 7, 0, 0, tzinfo=UTC)
BODY = b'{"specversion": "1.0"}'
SECRET = new_secret()


def keys_of(*secrets: str) -> tuple[SecretBytes, ...]:
    return Keyring(lambda: [SecretStr(secret) for secret in secrets]).keys()


def verified(headers: dict[str, str], *, body: bytes = BODY, now: datetime = NOW) -> Signed:
    return verify(headers.items(), body, keys_of(SECRET), now)


def reason(headers: dict[str, str], *, body: bytes = BODY, now: datetime = NOW) -> Reason:
    with pytest.raises(Unverified) as caught:
        verified(headers, body=body, now=now)
    return caught.value.reason


def headers_of(
    changes: Mapping[str, str | None] | None = None, *, at: datetime = NOW
) -> dict[str, str]:
    """Good headers, but for what is changed; None takes one away."""
    headers: dict[str, str | None] = {**sign(BODY, SECRET, id="msg_1", at=at), **(changes or {})}
    return {name: value for name, value in headers.items() if value is not None}


# --- the signature --------------------------------------------------------------------------------


def test_the_published_example_of_the_library_verifies() -> None:
    """The vector that the reference libraries of all languages are tested with."""
    keys = keys_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    now = datetime.fromtimestamp(1614265330, UTC)
    signed = verify(headers.items(), b'{"test": 2432232314}', keys, now)
    assert signed.id == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert len(bytes.fromhex(signed.digest)) == 32


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(min_size=24, max_size=64))
def test_what_the_library_signs_is_verified_and_nothing_next_to_it(text: str, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = sign(text.encode(), secret, id="msg_1", at=NOW)
    signed = verify(headers.items(), text.encode(), keys_of(secret), NOW)
    assert signed.id == "msg_1"
    for body, changed in (
        (text.encode() + b" ", {}),
        (text.encode(), {"webhook-id": "msg_2"}),
        (text.encode(), {"webhook-timestamp": str(int(NOW.timestamp()) + 1)}),
    ):
        with pytest.raises(Unverified, match="not known here"):
            verify({**headers, **changed}.items(), body, keys_of(secret), NOW)


def test_a_body_that_is_no_utf_8_is_verified_byte_by_byte() -> None:
    content = b"msg_1.%d.\xff\xfe" % NOW.timestamp()
    [key] = keys_of(SECRET)
    mac = hmac.new(key.get_secret_value(), content, hashlib.sha256).digest()
    headers = headers_of({"webhook-signature": "v1," + base64.b64encode(mac).decode()})
    assert verified(headers, body=b"\xff\xfe").id == "msg_1"


def test_names_of_headers_may_have_any_case() -> None:
    assert verified({name.title(): value for name, value in headers_of().items()}).id == "msg_1"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_must_be_there_once(name: str) -> None:
    assert reason(headers_of({name: None})) is Reason.MISSING
    assert reason(headers_of({name: ""})) is Reason.MISSING
    twice = [*headers_of().items(), (name.upper(), headers_of()[name])]
    with pytest.raises(Unverified, match="more than once"):
        verify(twice, BODY, keys_of(SECRET), NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "a" * 1025),
        ("webhook-id", "two words"),
        ("webhook-id", "café"),
        ("webhook-timestamp", "2026-10-01T07:00:00Z"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "nan"),
        ("webhook-timestamp", "٣٣٣"),
        ("webhook-timestamp", "9" * 13),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,***"),
        ("webhook-signature", "v1a,AAAA"),
        ("webhook-signature", ","),
    ],
)
def test_what_is_no_signature_is_malformed(name: str, value: str) -> None:
    assert reason(headers_of({name: value})) is Reason.MALFORMED


def test_five_minutes_are_the_limit_in_both_directions() -> None:
    limit = timedelta(minutes=5)
    for at in (NOW - limit, NOW + limit):
        assert verified(headers_of(at=at)).id == "msg_1"
    second = timedelta(seconds=1)
    assert reason(headers_of(at=NOW - limit - second)) is Reason.TOO_OLD
    assert reason(headers_of(at=NOW + limit + second)) is Reason.IN_THE_FUTURE
    assert reason(headers_of({"webhook-timestamp": "0"})) is Reason.TOO_OLD
    assert reason(headers_of({"webhook-timestamp": "9" * 12})) is Reason.IN_THE_FUTURE


def test_among_several_signatures_one_that_matches_is_enough() -> None:
    good = headers_of()["webhook-signature"]
    other = Webhook(new_secret()).sign("msg_1", NOW, BODY.decode())
    for signatures in (f"{other} {good}", f"{good} {other}", f"v1a,AAAA v2 nonsense {good}"):
        assert verified(headers_of({"webhook-signature": signatures})).id == "msg_1"
    assert reason(headers_of({"webhook-signature": f"{other} v1a,AAAA"})) is Reason.NO_KEY


def test_a_replay_is_known_again_however_its_signature_is_written() -> None:
    """Two secrets, two signatures: leaving one out makes no other request of it."""
    other = new_secret()
    keys = keys_of(SECRET, other)
    headers = sign(BODY, [SECRET, other], id="msg_1", at=NOW)
    one, two = headers["webhook-signature"].split(" ")
    digests = {
        verify({**headers, "webhook-signature": text}.items(), BODY, keys, NOW).digest
        for text in (f"{one} {two}", one, two, f"{two}  {one}", f"{one} {one}")
    }
    assert len(digests) == 1
    later = sign(BODY, SECRET, id="msg_1", at=NOW + timedelta(seconds=1))
    assert verify(later.items(), BODY, keys, NOW).digest not in digests


# --- the keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_key_has_24_to_64_bytes(size: int) -> None:
    assert [len(key) for key in keys_of(new_secret(size))] == [size]


@pytest.mark.parametrize(
    "text",
    [
        new_secret(23),
        new_secret(65),
        new_secret().removeprefix("whsec_"),
        "whsk_" + new_secret().removeprefix("whsec_"),
        new_secret() + "*",
        "whsec_",
        new_secret()[:20] + " " + new_secret()[20:],
    ],
    ids=["short", "long", "bare", "private", "no base64", "nothing", "two words"],
)
def test_what_is_no_key_is_named_by_its_place_and_never_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match="secret 2 is not whsec_ with 24 to 64") as caught:
        keys_of(SECRET, text)
    assert text.removeprefix("whsec_")[:20] not in str(caught.value) or text == "whsec_"


def test_a_key_without_its_padding_is_the_same_key() -> None:
    secret = new_secret(32)
    assert secret.endswith("=")
    assert keys_of(secret.rstrip("=")) == keys_of(secret)


def test_a_key_is_shown_in_no_repr_and_in_no_log() -> None:
    secret = new_secret()
    [key] = keys_of(secret)
    assert secret.removeprefix("whsec_") not in repr(key)
    assert secret.removeprefix("whsec_") not in scrub(f"the secret is {secret}")


def test_the_ring_follows_what_it_reads() -> None:
    secrets = [SecretStr(SECRET)]
    ring = Keyring(lambda: secrets)
    assert len(ring.keys()) == 1
    secrets.append(SecretStr(new_secret()))
    assert len(ring.keys()) == 2
    secrets[1] = SecretStr("whsec_short")
    with pytest.raises(ConfigurationError):
        ring.keys()
    with pytest.raises(ConfigurationError):  # and not the keys of before
        ring.keys()
    secrets.clear()
    assert ring.keys() == ()


def test_no_key_verifies_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unverified) as caught:
        verify(headers_of().items(), BODY, (), NOW)
    assert caught.value.reason is Reason.NO_KEY
