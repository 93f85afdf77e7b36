"""The own timeline through X's API v2: the cheapest way to see what was published."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import tweepy

from campaign.domain.posts import OwnPost
from campaign.domain.receipt import Answer, Price, Receipt
from campaign.errors import Refused
from campaign.x.client import ask
from campaign.x.receipts import kept
from campaign.x.replies import Reply
from campaign.x.v2_shown import own_post


class _Names(NamedTuple):
    parameter: str
    fields: str


# X's OpenAPI 2.167 (2026-08-07) renamed them; its documentation shows the old ones everywhere.
_OLD = _Names("tweet.fields", "attachments,created_at,entities,note_tweet,referenced_tweets")
_NEW = _Names("post.fields", "attachments,created_at,entities,note_post,referenced_posts")


class TimelineV2:
    """The own posts, see campaign.x.gateway.Gateway."""

    timeline_endpoint = "GET /2/users/:id/tweets"
    longest_timeline_page = 100
    shortest_timeline_page = 5
    own_post_price: Price
    _client: tweepy.Client
    _names = _OLD

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        """The account's posts since that second, newest first; a call for each page."""
        if at_most < self.shortest_timeline_page:
            raise ValueError(f"X shows at least {self.shortest_timeline_page} posts")
        query: dict[str, Any] = {"start_time": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "exclude": "retweets"}
        posts, receipts, left = list[OwnPost](), list[Receipt](), at_most
        while left >= self.shortest_timeline_page:
            with kept(receipts):
                reply = self._page(receipts, user_id, {**query, "max_results": self._size(left)})
                page = reply.read(_page)
            receipts.append(reply.receipt(self.own_post_price, page.resources))
            posts += page.posts
            left -= page.resources
            if page.next_token is None:
                break
            query["pagination_token"] = page.next_token
        return Answer(posts, tuple(receipts))

    def _size(self, left: int) -> int:
        """The next page's size: what it leaves is nothing or enough for another page."""
        size = min(left, self.longest_timeline_page)
        if 0 < left - size < self.shortest_timeline_page:
            size = left - self.shortest_timeline_page
        return size

    def _page(self, receipts: list[Receipt], user_id: str, query: Mapping[str, Any]) -> Reply:
        """The page, asked for with the names of fields that X accepts; the gateway remembers them."""
        try:
            return self._ask(user_id, query)
        except Refused as refused:
            if refused.reason != "field_names" or self._names is _NEW:
                raise
            receipts += refused.receipts
        self._names = _NEW
        return self._ask(user_id, query)

    def _ask(self, user_id: str, query: Mapping[str, Any]) -> Reply:
        names = self._names
        return ask(self._client, "GET", f"/2/users/{user_id}/tweets", params={**query, names.parameter: names.fields})


class _Page(NamedTuple):
    posts: list[OwnPost]
    resources: int
    next_token: str | None


def _page(reply: Reply) -> _Page:
    """The page; one without `meta` is no page: it would look like the last one."""
    document = reply.document()
    meta, shown = document["meta"], document.get("data")
    if shown is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    posts = [post for each in shown or [] if (post := own_post(each))]
    return _Page(posts, len(shown or []), meta.get("next_token") or None)
