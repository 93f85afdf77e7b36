"""Sign-in with OAuth 2.0, authorization code with PKCE: docs.x.com/fundamentals/authentication/oauth-2-0."""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from oauthlib.oauth2 import WebApplicationClient
from requests.auth import AuthBase, HTTPBasicAuth

from campaign.domain.profiles import Person, Profile
from campaign.domain.receipt import Answer
from campaign.errors import Refused
from campaign.x.grants import AppKeys, Begun, Declined, Grant, NotOurs
from campaign.x.replies import Reply
from campaign.x.session import Session
from campaign.x.signed_in import BearerToken, person_of, profile_of

_SCOPES, _EMAIL = "users.read tweet.read", "users.email"
_METHOD = "S256"


class SignInOAuth2:
    """One app's way with OAuth 2.0, see campaign.x.grants.SignIn."""

    def __init__(self, app: AppKeys, base_url: str, *, asks_email: bool) -> None:
        self._client = WebApplicationClient(app.client_id.get_secret_value())
        self._app = HTTPBasicAuth(app.client_id.get_secret_value(), app.client_secret.get_secret_value())
        self._scopes = f"{_SCOPES} {_EMAIL}" if asks_email else _SCOPES
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
        return profile_of(self._session, _token(grant), asks_email=_EMAIL in grant.scopes.split())

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
