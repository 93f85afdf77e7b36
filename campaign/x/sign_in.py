"""People sign in on X with the app of a service: OAuth 2.0 with PKCE where the app has keys for it, else OAuth 1.0a.

tweepy's own handlers know one host and wait for ever; here every call goes through campaign.x.session.
"""

from campaign.domain.profiles import Person
from campaign.x.grants import AppKeys, Begun, Declined, Grant, NotOurs, SignIn
from campaign.x.oauth1 import SignInOAuth1
from campaign.x.oauth2 import SignInOAuth2
from campaign.x.quiet import silence

__all__ = ["AppKeys", "Begun", "Declined", "Grant", "NotOurs", "Person", "SignIn", "sign_in_of"]

silence()


def sign_in_of(app: AppKeys, base_url: str, *, asks_email: bool) -> SignIn:
    """The way to sign in with this app at X's API under `base_url`; calls nothing yet.

    `asks_email` asks for the confirmed address too, which only OAuth 2.0 can.
    """
    if app.client_id.get_secret_value() and app.client_secret.get_secret_value():
        return SignInOAuth2(app, base_url, asks_email=asks_email)
    return SignInOAuth1(app, base_url)
