"""The own timeline through X's API v2: the cheapest way to see what was published."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from campaign.domain.post_counts import PostCounts
from campaign.domain.posts import OwnPost
from campaign.domain.receipt import Answer, Price, Receipt
from campaign.x.receipts import kept
from campaign.x.replies import Reply
from campaign.x.v2_counts import COUNTS, counts_of
from campaign.x.v2_fields import FieldsV2
from campaign.x.v2_shown import own_post

_SHOWN = "attachments,created_at,entities,note_tweet,referenced_tweets"
T = TypeVar("T")


class TimelineV2(FieldsV2):
    """The own posts, see campaign.x.gateway.Gateway."""

    timeline_endpoint = "GET /2/users/:id/tweets"
    longest_timeline_page = 100
    shortest_timeline_page = 5
    own_post_price: Price

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        """The account's posts since that second, newest first; a call for each page."""
        return self._walk(user_id, since, at_most, _SHOWN, own_post)

    def timeline_counts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[PostCounts]]:
        """The figures of the same posts."""
        return self._walk(user_id, since, at_most, COUNTS, counts_of)

    def _walk(
        self, user_id: str, since: datetime, at_most: int, fields: str, record: Callable[[dict[str, Any]], T | None]
    ) -> Answer[list[T]]:
        if at_most < self.shortest_timeline_page:
            raise ValueError(f"X shows at least {self.shortest_timeline_page} posts")
        route = f"/2/users/{user_id}/tweets"
        query: dict[str, Any] = {"start_time": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "exclude": "retweets"}
        posts, receipts, left = list[T](), list[Receipt](), at_most
        while left >= self.shortest_timeline_page:
            with kept(receipts):
                reply = self._ask_for(fields, receipts, route, {**query, "max_results": self._size(left)})
                page = reply.read(lambda answer: _page(answer, record))
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


class _Page(NamedTuple, Generic[T]):
    posts: list[T]
    resources: int
    next_token: str | None


def _page(reply: Reply, record: Callable[[dict[str, Any]], T | None]) -> _Page[T]:
    """The page; one without `meta` is no page: it would look like the last one."""
    document = reply.document()
    meta, shown = document["meta"], document.get("data")
    if shown is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    posts = [post for each in shown or [] if (post := record(each))]
    return _Page(posts, len(shown or []), meta.get("next_token") or None)
