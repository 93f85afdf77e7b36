"""The gateway over X's API v2."""

from typing import Any

from campaign.domain.account import Account
from campaign.domain.followers import Follower, FollowerPage
from campaign.domain.receipt import Answer
from campaign.x import prices
from campaign.x.client import client_of
from campaign.x.keys import Keys
from campaign.x.replies import Reply
from campaign.x.session import Response
from campaign.x.v2_counts import CountsV2
from campaign.x.v2_media import MediaV2
from campaign.x.v2_messages import MessagesV2
from campaign.x.v2_posts import PostsV2
from campaign.x.v2_timeline import TimelineV2

_NOTHING = "None"


class GatewayV2(PostsV2, TimelineV2, CountsV2, MediaV2, MessagesV2):
    """What the keys' account can do and see through /2/..., see campaign.x.gateway.Gateway."""

    follower_page_size = 1000
    follower_endpoints: tuple[str, ...] = ("GET /2/users/:id/followers",)

    def __init__(self, keys: Keys, *, owned: bool, base_url: str) -> None:
        self.follower_price = prices.follower_price(owned=owned)
        self.account_price = prices.USER_READ
        self.own_post_price = prices.own_post_price(owned=owned)
        self._client = client_of(keys, base_url)

    def me(self) -> Answer[Account]:
        """The account the keys belong to; one call."""
        response: Response = self._client.get_me(user_fields=["public_metrics", "protected", "subscription_type"])
        reply = response.reply
        account = reply.read(_account)
        return Answer(account, (reply.receipt(self.account_price, 1),))

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """A page of at most `page_size` followers; one call. `token` None is the first page."""
        # user_auth is False by tweepy's default; created_at would double the size of the page.
        response: Response = self._client.get_users_followers(
            user_id,
            max_results=page_size,
            pagination_token=token,
            user_fields=["public_metrics", "verified", "location", "receives_your_dm"],
            user_auth=True,
        )
        reply = response.reply
        page = reply.read(_page)
        return Answer(page, (reply.receipt(self.follower_price, len(page.followers)),))


def _account(reply: Reply) -> Account:
    user = reply.document()["data"]
    return Account(
        user_id=str(user["id"]),
        username=user["username"],
        name=user.get("name") or user["username"],
        followers_count=(user.get("public_metrics") or {}).get("followers_count") or 0,
        protected=bool(user.get("protected")),
        access_level=reply.access_level,
        subscription=None if user.get("subscription_type") == _NOTHING else user.get("subscription_type"),
    )


def _page(reply: Reply) -> FollowerPage:
    """The page; one without `meta` is no page: it would look like the last one."""
    document = reply.document()
    meta = document["meta"]
    users = document.get("data")
    if users is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    return FollowerPage(_followers(users or []), meta.get("next_token") or None)


def _followers(users: list[dict[str, Any]]) -> list[Follower]:
    return [
        Follower(
            str(user["id"]),
            user.get("username"),
            user.get("name"),
            (user.get("public_metrics") or {}).get("followers_count"),
            user.get("verified"),
            user.get("location"),
            user.get("receives_your_dm"),
        )
        for user in users
    ]
