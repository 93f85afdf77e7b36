"""The own timeline through X's API v1.1."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import tweepy

from campaign.domain.post_counts import PostCounts
from campaign.domain.posts import OwnPost
from campaign.domain.receipt import Answer, Price, Receipt
from campaign.x.client import ask
from campaign.x.receipts import kept
from campaign.x.replies import Reply, id_in
from campaign.x.shown import as_written
from campaign.x.v1_counts import counts_of

T = TypeVar("T")

# docs.x.com/fundamentals/x-ids: an id holds the milliseconds since this moment above its lowest 22 bits.
_FIRST_MILLISECOND, _LOWER_BITS = 1_288_834_974_657, 22
_MOMENT = "%a %b %d %H:%M:%S %z %Y"


class TimelineV1:
    """The own posts, see campaign.x.gateway.Gateway."""

    timeline_endpoint = "GET /1.1/statuses/user_timeline"
    longest_timeline_page = 200
    shortest_timeline_page = 1
    own_post_price: Price
    _client: tweepy.Client

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        """The account's posts since that moment, newest first; a call for each page, the last of which is empty.

        Reposts are left out here and not by X, which would count them and could show an empty page before the end.
        """
        return self._walk(user_id, since, at_most, _post)

    def timeline_counts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[PostCounts]]:
        """The figures of the same posts."""
        return self._walk(user_id, since, at_most, counts_of)

    def _walk(
        self, user_id: str, since: datetime, at_most: int, record: Callable[[dict[str, Any]], T]
    ) -> Answer[list[T]]:
        if at_most < self.shortest_timeline_page:
            raise ValueError(f"X shows at least {self.shortest_timeline_page} post")
        query = {"user_id": user_id, "since_id": _before(since), "tweet_mode": "extended", "trim_user": "true"}
        posts, receipts, left = list[T](), list[Receipt](), at_most
        while left > 0:
            with kept(receipts):
                reply = self._page(query | {"count": min(left, self.longest_timeline_page), "include_rts": "true"})
                shown = reply.read(_shown)
                posts += reply.read(lambda answer: [record(each) for each in _shown(answer) if not _is_repost(each)])
            receipts.append(reply.receipt(self.own_post_price, len(shown)))
            if not shown:
                break
            left -= len(shown)
            query["max_id"] = str(min(int(_id(each)) for each in shown) - 1)
        return Answer(posts, tuple(receipts))

    def _page(self, query: dict[str, Any]) -> Reply:
        return ask(self._client, "GET", "/1.1/statuses/user_timeline.json", query=query)


def _before(since: datetime) -> str:
    """The last id before the first of that millisecond: X shows what is newer than it."""
    milliseconds = int(since.timestamp() * 1000) - _FIRST_MILLISECOND
    return str(max(1, (milliseconds << _LOWER_BITS) - 1))


def _shown(reply: Reply) -> list[dict[str, Any]]:
    document = reply.document()
    if not isinstance(document, list):
        raise TypeError("no list")
    return document


def _is_repost(shown: dict[str, Any]) -> bool:
    return bool(shown.get("retweeted_status"))


def _post(shown: dict[str, Any]) -> OwnPost:
    links = (shown.get("entities") or {}).get("urls") or []
    media = (shown.get("extended_entities") or shown.get("entities") or {}).get("media") or []
    return OwnPost(
        x_id=_id(shown),
        text=as_written(
            shown["full_text"],
            {each["url"]: each["expanded_url"] for each in links if each.get("expanded_url")},
            {each["url"] for each in media},
        ),
        created_at=datetime.strptime(shown["created_at"], _MOMENT).astimezone(UTC),
        reply_to=shown.get("in_reply_to_status_id_str") or None,
        media=len(media),
    )


def _id(shown: dict[str, Any]) -> str:
    return id_in(shown, "id_str", "id")
