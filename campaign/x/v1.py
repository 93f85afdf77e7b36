"""The gateway over X's API v1.1, for developer apps that may still use it."""

from collections.abc import Sequence
from typing import Any

from campaign.domain.account import Account
from campaign.domain.followers import Follower, FollowerPage
from campaign.domain.receipt import Answer, Receipt
from campaign.errors import Refused
from campaign.x import prices
from campaign.x.client import ask, client_of
from campaign.x.keys import Keys
from campaign.x.receipts import kept
from campaign.x.replies import Reply
from campaign.x.v1_counts import CountsV1
from campaign.x.v1_media import MediaV1
from campaign.x.v1_messages import MessagesV1
from campaign.x.v1_posts import PostsV1
from campaign.x.v1_timeline import TimelineV1

_FIRST_CURSOR, _LAST_CURSOR = "-1", "0"
_LOOK_UP_SIZE = 100


class GatewayV1(PostsV1, TimelineV1, CountsV1, MediaV1, MessagesV1):
    """What the keys' account can do and see through /1.1/..., see campaign.x.gateway.Gateway.

    It calls through tweepy's v2 client: tweepy's v1.1 one insists on https and closes the connection after each call.
    """

    follower_page_size = 5000
    follower_endpoints: tuple[str, ...] = ("GET /1.1/followers/ids", "GET /1.1/users/lookup")

    def __init__(self, keys: Keys, *, owned: bool, base_url: str) -> None:
        self.follower_price = prices.as_on_legacy(prices.follower_price(owned=owned))
        self.account_price = prices.as_on_legacy(prices.USER_READ)
        self.own_post_price = prices.as_on_legacy(prices.own_post_price(owned=owned))
        self._client = client_of(keys, base_url)

    def me(self) -> Answer[Account]:
        """The account the keys belong to; one call."""
        reply = self._get("account/verify_credentials", include_entities="false", skip_status="true")
        account = reply.read(_account)
        return Answer(account, (reply.receipt(self.account_price, 1),))

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """A page of at most `page_size` followers: one call for the ids, one more for each 100 of them.

        The first receipt carries the price of the page, so that it costs what it would with v2.
        """
        reply = self._get(
            "followers/ids", user_id=user_id, count=page_size, cursor=token or _FIRST_CURSOR, stringify_ids="true"
        )
        ids, next_token = reply.read(_ids)
        receipts = [reply.receipt(self.follower_price, len(ids))]
        people: dict[str, Follower] = {}
        for start in range(0, len(ids), _LOOK_UP_SIZE):
            with kept(receipts):
                found, seen = self._look_up(ids[start : start + _LOOK_UP_SIZE])
            receipts += seen
            people |= {person.external_id: person for person in found}
        # Whom the look-up leaves out is suspended for now, and still a follower.
        page = FollowerPage([people.get(each) or Follower(each) for each in ids], next_token)
        return Answer(page, tuple(receipts))

    def _look_up(self, ids: list[str]) -> tuple[list[Follower], Sequence[Receipt]]:
        try:
            reply = self._get("users/lookup", user_id=",".join(ids), include_entities="false")
        except Refused as refused:
            if refused.reason != "nobody_found":
                raise
            return [], refused.receipts
        return reply.read(_people), [reply.receipt(self.follower_price, 0)]

    def _get(self, route: str, **params: Any) -> Reply:
        return ask(self._client, "GET", f"/1.1/{route}.json", query=params)


def _account(reply: Reply) -> Account:
    user = reply.document()
    return Account(
        user_id=_id(user),
        username=user["screen_name"],
        name=user.get("name") or user["screen_name"],
        followers_count=user.get("followers_count") or 0,
        protected=bool(user.get("protected")),
        access_level=reply.access_level,
    )


def _ids(reply: Reply) -> tuple[list[str], str | None]:
    """The ids and where to go on; a page that does not say where is no page: it would look like the last one."""
    document = reply.document()
    cursor = str(document.get("next_cursor_str") or document["next_cursor"])
    return [str(each) for each in document["ids"]], None if cursor == _LAST_CURSOR else cursor


def _people(reply: Reply) -> list[Follower]:
    return [
        Follower(
            _id(user),
            user.get("screen_name"),
            user.get("name"),
            user.get("followers_count"),
            user.get("verified"),
            user.get("location") or None,
        )
        for user in reply.document()
    ]


def _id(user: dict[str, Any]) -> str:
    return str(user.get("id_str") or user["id"])
