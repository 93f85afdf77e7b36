"""What X tells of somebody who signed in, to the app that was agreed to."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from requests import PreparedRequest
from requests.auth import AuthBase

from campaign.domain.profiles import Person, Profile
from campaign.domain.receipt import Answer
from campaign.errors import Refused, ServiceBlocked
from campaign.x import prices
from campaign.x.replies import Reply, id_in
from campaign.x.session import Session
from campaign.x.sign_in_refusals import OVER, SIGN_IN_OVER

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
