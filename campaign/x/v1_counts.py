"""What X's API v1.1 counts of posts: likes and reposts, and nothing else."""

from collections.abc import Sequence
from typing import Any

import tweepy

from campaign.domain.post_counts import PostCounts
from campaign.domain.receipt import Answer
from campaign.x import prices
from campaign.x.client import ask
from campaign.x.replies import Reply, id_in

LOOK_UP_SIZE = 100


class CountsV1:
    """The figures of posts that are known by their ids, see campaign.x.gateway.Gateway."""

    lookup_endpoint = "GET /1.1/statuses/lookup"
    longest_lookup = LOOK_UP_SIZE
    post_read_price = prices.as_on_legacy(prices.POST_READ)
    _client: tweepy.Client

    def post_counts(self, ids: Sequence[str]) -> Answer[list[PostCounts]]:
        """The figures of these posts; one call. With `map`, X names those that are gone, too."""
        if not 1 <= len(ids) <= self.longest_lookup:
            raise ValueError(f"X tells of 1 to {self.longest_lookup} posts at once")
        query = {"id": ",".join(ids), "map": "true", "trim_user": "true", "include_entities": "false"}
        reply = ask(self._client, "GET", "/1.1/statuses/lookup.json", query=query)
        found = reply.read(_found)
        counted = [found[x_id] if x_id in found else PostCounts(x_id) for x_id in ids]
        shown = [counts for counts in counted if counts]
        return Answer(shown, (reply.receipt(self.post_read_price, sum(map(bool, found.values()))),))


def counts_of(shown: dict[str, Any]) -> PostCounts:
    """The figures of a post as v1.1 shows it; raises ValueError when it is none."""
    return PostCounts(
        x_id=id_in(shown, "id_str", "id"),
        reposts=shown.get("retweet_count"),
        likes=shown.get("favorite_count"),
    )


def _found(reply: Reply) -> dict[str, PostCounts | None]:
    """The figures by id, None for a post that is not there."""
    posts = reply.document()["id"]
    return {str(x_id): counts_of(shown) if shown else None for x_id, shown in posts.items()}
