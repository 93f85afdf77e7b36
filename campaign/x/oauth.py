"""Signing in with X: OAuth 1.0a and 2.0, and the profile of the person who agreed."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

import tweepy
from oauthlib.oauth2 import WebApplicationClient
from pydantic import SecretStr
from requests.auth import AuthBase, HTTPBasicAuth
from requests_oauthlib import OAuth1

from campaign.errors import Refused, ServiceBlocked
from campaign.x import types
from campaign.x.error_table import OVER, SIGN_IN_OVER
from campaign.x.http import Reply, Session, handle_in, id_in, typed
from campaign.x.types import Answer, Person, Profile


@dataclass(frozen=True, slots=True)
class AppKeys:
    """The keys of a developer app; without the last two, people sign in with OAuth 1.0a. The repr shows nothing."""

    consumer_key: SecretStr = field(repr=False)
    consumer_secret: SecretStr = field(repr=False)
    client_id: SecretStr = field(default=SecretStr(""), repr=False)
    client_secret: SecretStr = field(default=SecretStr(""), repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: the person goes to `url`; `kept` is stored in that person's browser alone."""

    url: str = field(repr=False)
    kept: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A token in the name of the person who agreed, good for two hours with OAuth 2. The repr shows only the scopes."""

    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    """Empty with OAuth 2."""
    scopes: str
    """As X granted them, separated by blanks; `oauth1` with OAuth 1.0a, which has none."""
    person: Person | None = field(default=None, repr=False)
    """The person who granted it, named with the token in OAuth 1.0a; None with OAuth 2, where `who` costs a read."""

    def as_json(self) -> dict[str, str]:
        """Returns the token for a store of secrets."""
        names = ("access_token", "access_token_secret", "scopes")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Grant":
        """Returns the grant that `as_json` gave."""
        return cls(stored["access_token"], stored["access_token_secret"], stored["scopes"])


class Declined(Refused):
    """The person declined on X's consent screen."""

    def __init__(self) -> None:
        super().__init__("The person did not agree.", reason="declined")


class NotOurs(Refused):
    """X's answer does not belong to the sign-in that was begun in this browser."""

    def __init__(self) -> None:
        super().__init__("This sign-in was not begun here: begin again.", reason="not_ours")


T = TypeVar("T")

_FIELDS = "created_at,description,entities,location,profile_image_url,public_metrics,url,verified"
# docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code: with the scope users.email only.
_EMAIL, _EMAIL_SCOPE = "confirmed_email", "users.email"
_OAUTH1_SCOPES, _OAUTH2_SCOPES = "oauth1", "users.read tweet.read"
#: docs.x.com, `POST oauth/request_token`: less than the app itself may do, and the consent screen says so.
_READ_ONLY = MappingProxyType({"x_auth_access_type": "read"})
_METHOD = "S256"


class SignIn(ABC):
    """Signing in with one app. Every verb but `begin` with OAuth 2 calls X, and raises XError.

    Refused with reason `sign_in_over`: X no longer accepts the code or the token, because it came late or a second
    time, or the person revoked it. ServiceBlocked: the app cannot do this before its operator acts. Unsent and
    Uncertain: X is not available.
    """

    def __init__(self, base_url: str) -> None:
        self._session = Session(base_url)

    @abstractmethod
    def begin(self, callback_url: str) -> Begun:
        """Begins a sign-in, after which X sends the person to `callback_url`, which the app must have registered."""

    @abstractmethod
    def complete(self, kept: Mapping[str, str], query: Mapping[str, str], callback_url: str) -> Grant:
        """Returns the grant: `query` is what came to `callback_url`. Raises Declined and NotOurs, too."""

    @abstractmethod
    def revoke(self, grant: Grant) -> None:
        """Revokes the token; one call, harmless when it is revoked already."""

    @abstractmethod
    def _as(self, grant: Grant) -> AuthBase:
        """Returns the credentials that make a call in the name of the person."""

    def who(self, grant: Grant) -> Answer[Person]:
        """Reads the person who granted it; one call, one user read."""
        return self._me(grant, {}, _person)

    def profile(self, grant: Grant) -> Answer[Profile]:
        """Reads the person's profile; one call, one user read."""
        fields = f"{_FIELDS},{_EMAIL}" if _EMAIL_SCOPE in grant.scopes.split() else _FIELDS
        return self._me(grant, {"user.fields": fields}, _profile)

    def _me(self, grant: Grant, params: dict[str, str], reader: Callable[[Reply], T]) -> Answer[T]:
        try:
            reply = self._session.call("GET", "/2/users/me", params=params, auth=self._as(grant))
        except ServiceBlocked as blocked:
            if blocked.reason != "keys_wrong":
                raise
            receipts = blocked.receipts
        else:
            return Answer(reply.read(reader), (reply.receipt(types.USER_READ, 1),))
        # Here this is not about the keys of an account: one person's token is no longer valid.
        raise Refused(OVER, reason=SIGN_IN_OVER, receipts=receipts)


def sign_in_of(app: AppKeys, base_url: str, *, asks_email: bool) -> SignIn:
    """Returns the way to sign in with this app at X's API under `base_url`; calls nothing yet.

    `asks_email` asks for the confirmed address too, which only OAuth 2.0 can.
    """
    if app.client_id.get_secret_value() and app.client_secret.get_secret_value():
        return _SignInOAuth2(app, base_url, asks_email=asks_email)
    return _SignInOAuth1(app, base_url)


def sign_in_of_brand(app: AppKeys, base_url: str) -> SignIn:
    """Returns the way by which an account connects itself to its own app: OAuth 1.0a, with all that the app may do."""
    return _SignInOAuth1(app, base_url, access={})


class _SignInOAuth1(SignIn):
    def __init__(self, app: AppKeys, base_url: str, *, access: Mapping[str, str] = _READ_ONLY) -> None:
        super().__init__(base_url)
        self._app, self._access = app, access

    def begin(self, callback_url: str) -> Begun:
        signer = self._signer(callback=callback_url)
        reply = self._session.call("POST", "/oauth/request_token", params=self._access, auth=signer)
        token, secret = reply.read(_pair)
        url = f"{self._session.base_url}/oauth/authorize?{urlencode({'oauth_token': token})}"
        return Begun(url, {"token": token, "secret": secret})

    def complete(self, kept: Mapping[str, str], query: Mapping[str, str], callback_url: str) -> Grant:  # noqa: ARG002
        token = kept.get("token")
        if token and query.get("denied") == token:
            raise Declined
        if not token or query.get("oauth_token") != token or not query.get("oauth_verifier"):
            raise NotOurs
        signer = self._signer(token, kept.get("secret", ""), verifier=query["oauth_verifier"])
        reply = self._session.call("POST", "/oauth/access_token", auth=signer)
        return Grant(*reply.read(_pair), _OAUTH1_SCOPES, reply.read(_named_person))

    def revoke(self, grant: Grant) -> None:
        try:
            self._session.call("POST", "/1.1/oauth/invalidate_token", auth=self._as(grant))
        except Refused as refused:
            if refused.reason != SIGN_IN_OVER:
                raise

    def _as(self, grant: Grant) -> AuthBase:
        return self._signer(grant.access_token, grant.access_token_secret)

    def _signer(
        self, token: str = "", secret: str = "", *, callback: str | None = None, verifier: str = ""
    ) -> AuthBase:
        return OAuth1(
            self._app.consumer_key.get_secret_value(),
            self._app.consumer_secret.get_secret_value(),
            token or None,
            secret or None,
            callback_uri=callback,
            verifier=verifier or None,
        )


def _pair(reply: Reply) -> tuple[str, str]:
    """Reads the token and its secret in a form; raises ValueError when there are none."""
    form = parse_qs(reply.body.decode(), strict_parsing=True)
    return form["oauth_token"][0], form["oauth_token_secret"][0]


def _named_person(reply: Reply) -> Person | None:
    """Reads the person in the same form; None where X names none."""
    form = parse_qs(reply.body.decode())
    if not {"user_id", "screen_name"} <= form.keys():
        return None
    [user_id], [username] = form["user_id"], form["screen_name"]
    return Person(id_in({"id": user_id}, "id"), username, username)


class _SignInOAuth2(SignIn):
    def __init__(self, app: AppKeys, base_url: str, *, asks_email: bool) -> None:
        super().__init__(base_url)
        client_id = app.client_id.get_secret_value()
        self._client = WebApplicationClient(client_id)
        self._app = HTTPBasicAuth(client_id, app.client_secret.get_secret_value())
        self._scopes = f"{_OAUTH2_SCOPES} {_EMAIL_SCOPE}" if asks_email else _OAUTH2_SCOPES

    def begin(self, callback_url: str) -> Begun:
        # A state and a verifier that only this browser keeps.
        state, verifier = secrets.token_urlsafe(24), self._client.create_code_verifier(64)
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": callback_url,
            "scope": self._scopes,
            "state": state,
            "code_challenge": self._client.create_code_challenge(verifier, _METHOD),
            "code_challenge_method": _METHOD,
        }
        url = f"{self._session.people_url}/i/oauth2/authorize?{urlencode(query)}"
        return Begun(url, {"state": state, "code_verifier": verifier})

    def complete(self, kept: Mapping[str, str], query: Mapping[str, str], callback_url: str) -> Grant:
        # X takes a code once and within 30 seconds.
        begun, returned = kept.get("state", ""), query.get("state", "")
        if not begun or not secrets.compare_digest(begun.encode(), returned.encode()):
            raise NotOurs
        if query.get("error") == "access_denied":
            raise Declined
        if "error" in query:
            raise Refused("X could not ask the person: begin again.", reason="sign_in_failed")
        if not query.get("code"):
            raise NotOurs
        form = {
            "grant_type": "authorization_code",
            "code": query["code"],
            "redirect_uri": callback_url,
            "code_verifier": kept.get("code_verifier", ""),
        }
        return self._session.call("POST", "/2/oauth2/token", data=form, auth=self._app).read(self._grant)

    def revoke(self, grant: Grant) -> None:
        form = {"token": grant.access_token, "token_type_hint": "access_token"}
        self._session.call("POST", "/2/oauth2/revoke", data=form, auth=self._app)

    def _as(self, grant: Grant) -> AuthBase:
        auth: AuthBase = tweepy.OAuth2BearerHandler(grant.access_token)
        return auth

    def _grant(self, reply: Reply) -> Grant:
        document: dict[str, Any] = reply.document()
        token, scopes = document["access_token"], document.get("scope") or self._scopes
        if not (isinstance(token, str) and token and isinstance(scopes, str)):
            raise TypeError("no token")
        return Grant(token, "", scopes)


def _names(user: dict[str, Any]) -> tuple[str, str, str]:
    handle = handle_in(user, "username")
    return id_in(user, "id"), handle, typed(user.get("name"), str) or handle


def _person(reply: Reply) -> Person:
    external_id, username, full_name = _names(reply.document()["data"])
    if not username or not isinstance(username, str):
        raise ValueError("no username")
    return Person(external_id, username, full_name if isinstance(full_name, str) else username)


def _dict_in(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _profile(reply: Reply) -> Profile:
    user = reply.document()["data"]
    metrics = _dict_in(user, "public_metrics")
    urls = _dict_in(_dict_in(user, "entities"), "url").get("urls")
    link = urls[0] if isinstance(urls, list) and urls and isinstance(urls[0], dict) else {}
    # One field that cannot be read is left out, and does not hide the others.
    joined_x_at = None
    with suppress(TypeError, ValueError):
        joined_x_at = datetime.fromisoformat(user.get("created_at"))
    return Profile(
        *_names(user),
        description=user.get("description") or None,
        location=user.get("location") or None,
        # The address behind X's short link, where X shows it.
        website=link.get("expanded_url") or user.get("url") or None,
        picture_url=user.get("profile_image_url") or None,
        verified=user.get("verified"),
        followers_count=metrics.get("followers_count"),
        # X renamed it in August 2026.
        posts_count=metrics.get("post_count", metrics.get("tweet_count")),
        joined_x_at=joined_x_at if joined_x_at and joined_x_at.tzinfo else None,
        language=user.get("lang") or None,
        email=user.get(_EMAIL) or None,
    )
