"""A tweepy client for other programs, in the name of an account, whose calls are paid and counted like ours."""

from collections.abc import Callable, Mapping
from typing import Any

import requests
import tweepy

from campaign.errors import WrongUsage
from campaign.x.http import OnRejected, Reply, _Client, endpoint_of, typed
from campaign.x.text import has_link
from campaign.x.types import (
    DIRECT_MESSAGE_EVENT_READ,
    POST_CREATE,
    POST_DELETE,
    POST_WITH_LINK_CREATE,
    USER_READ,
    Answer,
    Keys,
    Price,
)

#: The most records on a page of X where a call names no number, with those that come along.
_PAGE = 100
_READ = max(USER_READ, DIRECT_MESSAGE_EVENT_READ, key=lambda price: price.usd)


Pay = Callable[[str, Price, int, Callable[[], Answer[Reply]]], Reply]
"""Makes a call to an endpoint: reserves what so many resources cost at most, and records what they did cost."""


class PaidClient(_Client, tweepy.Client):  # type: ignore[misc]
    """A `tweepy.Client` whose verbs return tweepy's responses, and raise the errors of campaign.errors."""

    def __init__(self, keys: Keys, base_url: str, pay: Pay, on_rejected: OnRejected | None = None) -> None:
        super().__init__()
        self._connect(keys, base_url, on_rejected)
        self._pay = pay
        self._user_id = keys.access_token.get_secret_value().partition("-")[0]  # a token begins with its account

    def _get_authenticating_user_id(self, *, oauth_1: bool = False) -> str:  # noqa: ARG002
        return self._user_id

    def request(
        self,
        method: str,
        route: str,
        params: dict[str, Any] | None = None,
        json: Any = None,
        user_auth: bool = True,  # noqa: ARG002  # the keys are an account's: every call is signed with them
    ) -> requests.Response:
        """Makes one call, paid from the spend cap of the service; reading is charged at the highest price of X."""
        if method == "POST" and route.startswith("/2/dm_conversations"):
            raise WrongUsage(
                "Direct messages go out by broadcasts only, which know who agreed to them: campaign delivery create."
            )
        price = _price_of(method, json or {})

        def call() -> Answer[Reply]:
            reply = self.session.call(method, route, auth=self._auth, params=params, json=json)
            return Answer(reply, (reply.receipt(price, _count(reply) if method == "GET" else 1),))

        wanted = _most_of(route, params or {}) if method == "GET" else 1
        reply = self._pay(endpoint_of(method, route), price, wanted, call)
        response = requests.Response()
        response.status_code, response._content = reply.status, reply.body  # noqa: SLF001  it has no constructor
        response.headers.update(reply.headers)
        return response


def _price_of(method: str, body: Mapping[str, Any]) -> Price:
    if method == "GET":
        return _READ
    if method == "DELETE":
        return POST_DELETE
    return POST_WITH_LINK_CREATE if has_link(str(body.get("text", ""))) else POST_CREATE


def _most_of(route: str, params: Mapping[str, Any]) -> int:
    """Returns how many records a page can have: the number or the ids that the call names, one for one record."""
    if named := params.get("ids") or params.get("usernames"):
        return str(named).count(",") + 1
    *_, before, last = route.split("/")
    is_one = last == "me" or last.isdecimal() or before == "username"
    return 1 if is_one else int(params.get("max_results") or _PAGE)


def _count(reply: Reply) -> int:
    """Counts the records of a response, with those that came along."""
    document = reply.read(Reply.document)
    data = document.get("data") or []
    beside = typed(document.get("includes"), dict) or {}
    included = sum(len(records) for records in beside.values() if isinstance(records, list))
    return included + (len(data) if isinstance(data, list) else 1)
