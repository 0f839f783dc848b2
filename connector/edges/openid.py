"""A provider of OpenID Connect: the code flow with PKCE, and its claims asked for again.

Authlib speaks the protocol. What is believed here: the ID token, signed by a key that the issuer
publishes, for this client, with the nonce of this very sign-in (OpenID Connect Core, 3.1.3.7), and
what the UserInfo endpoint says of the same subject (5.3.2).
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken, IDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import SecretStr

from connector.errors import EntryError, Refused, Transient

TIMEOUT = 10.0  # seconds without a sign of the provider
KNOWN_FOR = 3600.0  # seconds that its description and keys are used without asking again
LEEWAY = 60  # seconds that its clock may be ahead or behind
_DISCOVERY = "/.well-known/openid-configuration"
_LARGEST = 256 * 1024  # octets of an answer
# Signed by a key that only the provider has: neither "none" nor a shared secret.
_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
_CURE = "See console.issuer, console.client_id and the provider's own log."


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun: where the browser goes, and what its answer has to fit."""

    url: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What claims are asked for again with."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)  # "": the provider gave none


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as the provider says."""

    subject: str
    claims: Mapping[str, Any]
    kept: Kept


class Provider:
    """One provider, asked by any number of threads."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        secret: Callable[[], SecretStr],
        scopes: tuple[str, ...],
        redirect_uri: str,
    ) -> None:
        """``secret`` reads the client's secret each time, so that it may be exchanged."""
        self.issuer = issuer
        self._client_id = client_id
        self._secret = secret
        self._scopes = scopes
        self._redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._known: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def begin(self) -> Begun:
        """Begin a sign-in.

        Raises:
            Transient: the provider is away.
            Refused: what it says of itself will not do.
        """
        doing = "beginning a sign-in"
        endpoint = self._endpoint("authorization_endpoint", doing)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._client() as client:
            url, _ = client.create_authorization_url(
                endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        return Begun(url, state, nonce, verifier)

    def finish(self, code: str, begun: Begun) -> Identity:
        """Exchange the code that the browser brought for who signed in.

        Raises:
            Transient: the provider is away.
            Refused: the code is no good, was used before, or its token is not to be believed.
        """
        doing = "finishing a sign-in"
        token = self._token(
            doing, grant_type="authorization_code", code=code, code_verifier=begun.verifier
        )
        claims = self._believed(token, doing, begun.nonce)
        return self._identity(token, claims, "", doing)

    def again(self, kept: Kept, subject: str) -> Identity:
        """Ask again what the provider says of somebody who signed in.

        Raises:
            Transient: the provider is away.
            Refused: it says nothing of them any more, or gave nothing to ask with.
        """
        doing = "asking for somebody's groups again"
        if not kept.refresh:
            return self._told_again({"access_token": kept.access}, {}, kept, subject)
        token = self._token(doing, grant_type="refresh_token", refresh_token=kept.refresh)
        claims: Mapping[str, Any] = {}
        if token.get("id_token"):
            claims = self._believed(token, doing, None)
        return self._told_again(token, claims, kept, subject)

    def _told_again(
        self, token: Mapping[str, Any], claims: Mapping[str, Any], kept: Kept, subject: str
    ) -> Identity:
        doing = "asking for somebody's groups again"
        found = self._identity(token, {"sub": subject, **claims}, kept.refresh, doing)
        if found.subject != subject:
            raise Refused(f"{doing}: {self.issuer} speaks of somebody else", _CURE)
        if len(found.claims) == 1:  # it has neither a token nor an endpoint that says more
            raise Refused(f"{doing}: {self.issuer} offers no way to", "Sign in again.")
        return found

    def _identity(
        self, token: Mapping[str, Any], claims: Mapping[str, Any], refresh: str, doing: str
    ) -> Identity:
        subject = str(claims["sub"])
        more = self._user_info(str(token["access_token"]), subject, doing)
        kept = Kept(str(token["access_token"]), str(token.get("refresh_token") or refresh))
        return Identity(subject, {**claims, **more}, kept)

    # --- asking the provider --------------------------------------------------------------------

    def _client(self) -> OAuth2Client:
        methods = self._described("asking").get("token_endpoint_auth_methods_supported")
        basic = methods is None or "client_secret_basic" in methods
        return OAuth2Client(
            client_id=self._client_id,
            client_secret=self._secret().get_secret_value(),
            token_endpoint_auth_method="client_secret_basic" if basic else "client_secret_post",
            scope=" ".join(self._scopes),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT,
            follow_redirects=False,
        )

    def _token(self, doing: str, **grant: str) -> Mapping[str, Any]:
        endpoint = self._endpoint("token_endpoint", doing)
        with _told(doing, self.issuer), self._client() as client:
            if grant["grant_type"] == "refresh_token":
                token = client.refresh_token(endpoint, refresh_token=grant["refresh_token"])
            else:
                token = client.fetch_token(endpoint, **grant)
        if not isinstance(token.get("access_token"), str):
            raise Refused(f"{doing}: {self.issuer} gave no token", _CURE)
        return dict(token)

    def _user_info(self, access: str, subject: str, doing: str) -> Mapping[str, Any]:
        """What UserInfo says; nothing where the provider has no such endpoint."""
        if not self._described(doing).get("userinfo_endpoint"):
            return {}
        endpoint = self._endpoint("userinfo_endpoint", doing)
        found = self._get(endpoint, doing, {"Authorization": f"Bearer {access}"})
        if found.get("sub") != subject:
            raise Refused(f"{doing}: {self.issuer} speaks of somebody else", _CURE)
        return found

    def _get(
        self, url: str, doing: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        with (
            _told(doing, self.issuer),
            httpx2.Client(timeout=TIMEOUT, follow_redirects=False) as client,
        ):
            answer = client.get(url, headers={"Accept": "application/json", **(headers or {})})
            answer.raise_for_status()
            if len(answer.content) > _LARGEST:
                raise ValueError("too long")
            found = answer.json()
            if answer.status_code != 200 or not isinstance(found, dict):
                raise ValueError("expected a JSON object")
        return found

    # --- what is believed -----------------------------------------------------------------------

    def _believed(self, token: Mapping[str, Any], doing: str, nonce: str | None) -> dict[str, Any]:
        """The claims of an ID token; ``nonce``: of this sign-in, None where none was sent."""
        said = self._described(doing).get("id_token_signing_alg_values_supported") or ["RS256"]
        registry = JWSRegistry(
            algorithms=[one for one in _ALGORITHMS if one in said], strict_check_header=False
        )
        wanted = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "values": [self._client_id]},
        }
        given = {"client_id": self._client_id, "access_token": token["access_token"]}
        kind = IDToken if nonce is None else CodeIDToken
        with _told(doing, self.issuer):
            text = str(token.get("id_token") or "")
            try:
                read = jwt.decode(text, key=self._key_set(), registry=registry)
            except InvalidKeyIdError:  # it has changed its keys
                read = jwt.decode(text, key=self._key_set(anew=True), registry=registry)
            params = given if nonce is None else {**given, "nonce": nonce}
            claims = kind(read.claims, read.header, wanted, params)
            claims.validate(leeway=LEEWAY)
        return dict(claims)

    def _key_set(self, *, anew: bool = False) -> KeySet:
        with self._lock:
            known = self._keys
        if known is None or anew or time.monotonic() - known[0] > KNOWN_FOR:
            doing = "reading its keys"
            found = self._get(self._endpoint("jwks_uri", doing), doing)
            known = time.monotonic(), KeySet.import_key_set(found)  # type: ignore[arg-type]
            with self._lock:
                self._keys = known
        return known[1]

    def _described(self, doing: str) -> Mapping[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery, 4)."""
        with self._lock:
            known = self._known
        if known is None or time.monotonic() - known[0] > KNOWN_FOR:
            found = self._get(self.issuer.rstrip("/") + _DISCOVERY, doing)
            if found.get("issuer") != self.issuer:
                raise Refused(
                    f"{doing}: what is at console.issuer says that it is another one",
                    f"Write console.issuer as it says itself: {str(found.get('issuer'))[:200]!r}.",
                )
            known = time.monotonic(), found
            with self._lock:
                self._known = known
        return known[1]

    def _endpoint(self, name: str, doing: str) -> str:
        """One of the provider's addresses: encrypted, unless the issuer's is not either."""
        url = self._described(doing).get(name)
        scheme = urlsplit(url).scheme if isinstance(url, str) else ""
        if scheme != "https" and scheme != urlsplit(self.issuer).scheme:
            raise Refused(f"{doing}: {self.issuer} gives no usable {name}", _CURE)
        return str(url)


class _told:  # noqa: N801 - a context manager, used as one
    """Turns whatever goes wrong with a provider into an error that holds none of its secrets."""

    def __init__(self, doing: str, issuer: str) -> None:
        self._what = f"{doing} at {issuer}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        found = self._meant(error)
        if found is not None:
            raise found from None  # the original may quote a code or a token

    def _meant(self, error: BaseException | None) -> EntryError | None:
        match error:
            case httpx2.HTTPStatusError():
                status = error.response.status_code
                busy = status >= 500 or status in (408, 425, 429)
                return (Transient if busy else Refused)(
                    f"{self._what}: it answered {status}", _CURE
                )
            case httpx2.HTTPError():
                cure = "See that the provider is up, and that this machine trusts its certificate."
                return Transient(f"{self._what}: {type(error).__name__}", cure)
            case AuthlibBaseError():
                return Refused(f"{self._what}: {str(error.error)[:100]}", _CURE)
            case JoseError():  # which names a claim or a kind of mistake, and quotes no token
                kind = getattr(error, "claim", None) or error.error
                return Refused(f"{self._what}: its token is not to be believed: {kind}", _CURE)
            case ValueError() | KeyError() | TypeError():
                return Refused(f"{self._what}: its answer is not understood", _CURE)
        return None
