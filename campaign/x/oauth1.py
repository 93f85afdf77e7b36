"""Sign-in with OAuth 1.0a in three legs: docs.x.com/fundamentals/authentication/oauth-1-0a."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode

from requests_oauthlib import OAuth1

from campaign.domain.profiles import Person, Profile
from campaign.domain.receipt import Answer
from campaign.errors import Refused
from campaign.x.grants import AppKeys, Begun, Declined, Grant, NotOurs
from campaign.x.replies import Reply
from campaign.x.session import Session
from campaign.x.sign_in_refusals import SIGN_IN_OVER
from campaign.x.signed_in import person_of, profile_of

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
