"""Signing in with X: OAuth 1.0a and 2.0, and the profile of the person who agreed."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlencode

from oauthlib.oauth2 import WebApplicationClient
from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth
from requests_oauthlib import OAuth1

from campaign.errors import Refused, ServiceBlocked
from campaign.x import prices
from campaign.x.error_table import OVER, SIGN_IN_OVER
from campaign.x.http import Session, silence
from campaign.x.replies import Reply, id_in
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
    """A sign-in under way: the person goes to `url`; `kept` waits in that person's browser, readable by nobody else."""

    url: str = field(repr=False)
    kept: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A token in the name of the person who agreed, good for two hours with OAuth 2. The repr shows only the scopes."""

    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    """Empty with OAuth 2."""
    scopes: str
    """As X granted them, with blanks between; `oauth1` with OAuth 1.0a, which knows none."""

    def as_json(self) -> dict[str, str]:
        """The grant for a store of secrets."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Grant":
        """The grant that `as_json` gave."""
        return cls(stored["access_token"], stored["access_token_secret"], stored["scopes"])


class Declined(Refused):
    """The person said no on X's consent screen."""

    def __init__(self) -> None:
        super().__init__("The person did not agree.", reason="declined")


class NotOurs(Refused):
    """What came back from X does not belong to the sign-in that was begun in this browser."""

    def __init__(self) -> None:
        super().__init__("This sign-in was not begun here: begin again.", reason="not_ours")


class SignIn(Protocol):
    """How people sign in with one app. Every verb but `begin` with OAuth 2 calls X, and raises XError.

    Refused with reason `sign_in_over`: X takes the code or the token no more, because it came late or a second time,
    or the person took it back. ServiceBlocked: the app cannot do this before its operator acts. Unsent and Uncertain:
    X is away.
    """

    def begin(self, callback_url: str) -> Begun:
        """A new sign-in, after which X sends the person to `callback_url`, which the app must have registered."""
        ...

    def complete(self, kept: Mapping[str, str], query: Mapping[str, str], callback_url: str) -> Grant:
        """What was granted: `query` is what came to `callback_url`. Raises Declined and NotOurs, too."""
        ...

    def who(self, grant: Grant) -> Answer[Person]:
        """Who granted it; one user read."""
        ...

    def profile(self, grant: Grant) -> Answer[Profile]:
        """Everything X tells of the person; one user read."""
        ...

    def revoke(self, grant: Grant) -> None:
        """Make the token worthless; harmless when it is so already."""
        ...


T = TypeVar("T")

_FIELDS = "created_at,description,entities,location,profile_image_url,public_metrics,url,verified"
# docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code: with the scope users.email only.
_EMAIL = "confirmed_email"


class BearerToken(AuthBase):
    """Calls in the name of the person who granted this OAuth 2.0 token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the token to a call."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def person_of(session: Session, token: AuthBase) -> Answer[Person]:
    """Who granted the token."""
    return _me(session, token, {}, _person)


def profile_of(session: Session, token: AuthBase, *, asks_email: bool) -> Answer[Profile]:
    """Everything X tells of the one who granted the token."""
    fields = f"{_FIELDS},{_EMAIL}" if asks_email else _FIELDS
    return _me(session, token, {"user.fields": fields}, _profile)


def _me(session: Session, token: AuthBase, params: dict[str, str], reader: Callable[[Reply], T]) -> Answer[T]:
    try:
        reply = session.request("GET", "/2/users/me", params=params, auth=token).reply
    except ServiceBlocked as blocked:
        if blocked.reason != "keys_wrong":
            raise
        receipts = blocked.receipts
    else:
        return Answer(reply.read(reader), (reply.receipt(prices.USER_READ, 1),))
    # The keys of an account are another matter: here, it is one person's token that is good no more.
    raise Refused(OVER, reason=SIGN_IN_OVER, receipts=receipts)


def _person(reply: Reply) -> Person:
    user = reply.document()["data"]
    return Person(*_names(user))


def _profile(reply: Reply) -> Profile:
    user = reply.document()["data"]
    metrics = user.get("public_metrics") or {}
    return Profile(
        *_names(user),
        description=user.get("description") or None,
        location=user.get("location") or None,
        website=_website(user),
        picture_url=user.get("profile_image_url") or None,
        verified=user.get("verified"),
        followers_count=metrics.get("followers_count"),
        # X renamed it in August 2026, and which one comes is not written.
        posts_count=metrics.get("post_count", metrics.get("tweet_count")),
        joined_x_at=datetime.fromisoformat(user["created_at"]) if user.get("created_at") else None,
        language=user.get("lang") or None,
        email=user.get(_EMAIL) or None,
    )


def _names(user: dict[str, Any]) -> tuple[str, str, str]:
    return id_in(user, "id"), user["username"], user.get("name") or user["username"]


def _website(user: dict[str, Any]) -> str | None:
    """The address behind X's short link, where X tells it."""
    links = ((user.get("entities") or {}).get("url") or {}).get("urls") or [{}]
    return links[0].get("expanded_url") or user.get("url") or None


SCOPES = "oauth1"


class SignInOAuth1:
    """One app's way with OAuth 1.0a, see campaign.x.grants.SignIn."""

    def __init__(self, app: AppKeys, base_url: str) -> None:
        self._app = app
        self._session = Session(base_url)

    def begin(self, callback_url: str) -> Begun:
        """A request token; one call."""
        token, secret = self._ask("/oauth/request_token", self._signer(callback=callback_url)).read(_pair)
        url = f"{self._session.base_url}/oauth/authorize?{urlencode({'oauth_token': token})}"
        return Begun(url, {"token": token, "secret": secret})

    def complete(self, kept: Mapping[str, str], query: Mapping[str, str], callback_url: str) -> Grant:  # noqa: ARG002
        """Exchange the request token; the callback was told when it was asked for."""
        token = kept.get("token")
        if token and query.get("denied") == token:
            raise Declined
        if not token or query.get("oauth_token") != token or not query.get("oauth_verifier"):
            raise NotOurs
        signer = self._signer(token, kept.get("secret", ""), verifier=query["oauth_verifier"])
        return Grant(*self._ask("/oauth/access_token", signer).read(_pair), SCOPES)

    def who(self, grant: Grant) -> Answer[Person]:
        """Who granted it; one call."""
        return person_of(self._session, self._as(grant))

    def profile(self, grant: Grant) -> Answer[Profile]:
        """Everything X tells of the person; one call. The address can be asked for with OAuth 2.0 only."""
        return profile_of(self._session, self._as(grant), asks_email=False)

    def revoke(self, grant: Grant) -> None:
        """Make the token worthless; one call."""
        try:
            self._ask("/1.1/oauth/invalidate_token", self._as(grant))
        except Refused as refused:
            if refused.reason != SIGN_IN_OVER:
                raise

    def _ask(self, route: str, signer: OAuth1) -> Reply:
        return self._session.request("POST", route, auth=signer).reply

    def _as(self, grant: Grant) -> OAuth1:
        return self._signer(grant.access_token, grant.access_token_secret)

    def _signer(self, token: str = "", secret: str = "", *, callback: str | None = None, verifier: str = "") -> OAuth1:
        key, key_secret = self._app.consumer_key, self._app.consumer_secret
        return OAuth1(
            key.get_secret_value(),
            key_secret.get_secret_value(),
            token or None,
            secret or None,
            callback_uri=callback,
            verifier=verifier or None,
        )


def _pair(reply: Reply) -> tuple[str, str]:
    """The token and its secret in a form; raises ValueError when there are none."""
    told = parse_qs(reply.body.decode(), strict_parsing=True)
    return told["oauth_token"][0], told["oauth_token_secret"][0]


_SCOPES, _EMAIL_SCOPE = "users.read tweet.read", "users.email"
_METHOD = "S256"


class SignInOAuth2:
    """One app's way with OAuth 2.0, see campaign.x.grants.SignIn."""

    def __init__(self, app: AppKeys, base_url: str, *, asks_email: bool) -> None:
        self._client = WebApplicationClient(app.client_id.get_secret_value())
        self._app = HTTPBasicAuth(app.client_id.get_secret_value(), app.client_secret.get_secret_value())
        self._scopes = f"{_SCOPES} {_EMAIL_SCOPE}" if asks_email else _SCOPES
        self._session = Session(base_url)

    def begin(self, callback_url: str) -> Begun:
        """A state and a verifier that only this browser keeps; calls nothing."""
        state, verifier = secrets.token_urlsafe(24), self._client.create_code_verifier(64)
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": callback_url,
            "scope": self._scopes,
            "state": state,
            "code_challenge": self._client.create_code_challenge(verifier, _METHOD),
            "code_challenge_method": _METHOD,
        }
        return Begun(
            f"{self._session.people_url}/i/oauth2/authorize?{urlencode(asked)}",
            {"state": state, "code_verifier": verifier},
        )

    def complete(self, kept: Mapping[str, str], query: Mapping[str, str], callback_url: str) -> Grant:
        """Exchange the code, which X takes once and within 30 seconds."""
        if not _is_same(kept.get("state"), query.get("state")):
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
        return self._send("/2/oauth2/token", form).read(self._grant)

    def who(self, grant: Grant) -> Answer[Person]:
        """Who granted it; one call."""
        return person_of(self._session, _token(grant))

    def profile(self, grant: Grant) -> Answer[Profile]:
        """Everything X tells of the person; one call."""
        return profile_of(self._session, _token(grant), asks_email=_EMAIL_SCOPE in grant.scopes.split())

    def revoke(self, grant: Grant) -> None:
        """Make the token worthless; one call."""
        self._send("/2/oauth2/revoke", {"token": grant.access_token, "token_type_hint": "access_token"})

    def _send(self, route: str, form: dict[str, str]) -> Reply:
        return self._session.request("POST", route, data=form, auth=self._app).reply

    def _grant(self, reply: Reply) -> Grant:
        told: dict[str, Any] = reply.document()
        token, scopes = told["access_token"], told.get("scope") or self._scopes
        if not (isinstance(token, str) and token and isinstance(scopes, str)):
            raise TypeError("no token")
        return Grant(token, "", scopes)


def _token(grant: Grant) -> AuthBase:
    return BearerToken(grant.access_token)


def _is_same(begun: str | None, returned: str | None) -> bool:
    return bool(begun and returned) and secrets.compare_digest(str(begun).encode(), str(returned).encode())


__all__ = ["AppKeys", "Begun", "Declined", "Grant", "NotOurs", "Person", "SignIn", "sign_in_of"]

silence()


def sign_in_of(app: AppKeys, base_url: str, *, asks_email: bool) -> SignIn:
    """The way to sign in with this app at X's API under `base_url`; calls nothing yet.

    `asks_email` asks for the confirmed address too, which only OAuth 2.0 can.
    """
    if app.client_id.get_secret_value() and app.client_secret.get_secret_value():
        return SignInOAuth2(app, base_url, asks_email=asks_email)
    return SignInOAuth1(app, base_url)
