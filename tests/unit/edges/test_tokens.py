"""Tokens, signatures and what is sealed under a token."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from connector.edges.sealing import new_key
from connector.edges.tokens import Signer, draw_token, fingerprint, seal_under, unseal_under

OLD, NEW = SecretStr(new_key()), SecretStr(new_key())


def test_a_token_is_drawn_anew_each_time_and_goes_into_a_url() -> None:
    drawn = {draw_token() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(one) == 43 and one.replace("-", "").replace("_", "").isalnum() for one in drawn)
    assert len({fingerprint(one) for one in drawn}) == 100


@given(st.text(), st.text())
def test_only_the_text_that_was_signed_is_verified(text: str, other: str) -> None:
    signer = Signer([NEW], "links")
    signature = signer.sign(text)
    assert signer.verify(text, signature)
    assert signer.verify(other, signature) == (text == other)
    assert not signer.verify(text, other)
    assert not Signer([NEW], "forms").verify(text, signature)


def test_a_signature_stands_while_its_key_is_in_the_file() -> None:
    before = Signer([OLD], "links").sign("a")
    assert Signer([NEW, OLD], "links").verify("a", before)
    assert not Signer([NEW], "links").verify("a", before)
    assert Signer([NEW, OLD], "links").sign("a") != before


@given(st.text())
def test_what_is_sealed_opens_under_its_token_alone(content: str) -> None:
    token = draw_token()
    sealed = seal_under(token, content)
    assert unseal_under(token, sealed) == content
    assert unseal_under(draw_token(), sealed) is None
