"""Posts go out and away through X's API v2."""

from typing import Any

import tweepy

from campaign.domain.posts import NewPost
from campaign.domain.receipt import Answer, Price
from campaign.errors import Refused
from campaign.x import prices
from campaign.x.client import ask
from campaign.x.facts import facts_of
from campaign.x.post_refusals import GONE
from campaign.x.replies import Reply, id_in


class PostsV2:
    """Publishing and deleting, see campaign.x.gateway.Gateway."""

    post_endpoint = "POST /2/tweets"
    deletion_price = prices.POST_DELETE
    _client: tweepy.Client

    def post_price(self, *, has_link: bool) -> Price:
        """What a post costs, with or without a link in it."""
        return prices.post_price(has_link=has_link)

    def publish(self, post: NewPost, price: Price | None = None) -> Answer[str]:
        """Publish and return X's id; one call. tweepy's own `create_tweet` knows no paid partnership."""
        reply = ask(self._client, "POST", "/2/tweets", document=_body(post))
        x_id = reply.read(_published)
        return Answer(x_id, (reply.receipt(price or self.post_price(has_link=True), 1),))

    def delete_post(self, x_id: str) -> Answer[bool]:
        """Delete; False when there was no such post.

        How X answers for a post that is gone is not written: 404, "deleted": false and a problem of the type
        resource-not-found are all taken for it.
        """
        try:
            reply = ask(self._client, "DELETE", f"/2/tweets/{x_id}")
        except Refused as refused:
            if refused.reason not in GONE:
                raise
            return Answer(False, tuple(refused.receipts))
        deleted = reply.read(_deleted)
        price = self.deletion_price if deleted else prices.NOT_CHARGED
        return Answer(deleted, (reply.receipt(price, int(deleted)),))


def _body(post: NewPost) -> dict[str, Any]:
    """The JSON of X's CreatePostsRequest; what is not set is left out."""
    body = {
        "text": post.text,
        "reply": post.reply_to and {"in_reply_to_tweet_id": post.reply_to},
        "media": post.media_ids and {"media_ids": list(post.media_ids)},
        "poll": post.poll and {"options": list(post.poll.options), "duration_minutes": post.poll.minutes},
        "reply_settings": post.reply_settings and post.reply_settings.value,
        "paid_partnership": post.paid_partnership,
    }
    return {name: value for name, value in body.items() if value}


def _published(reply: Reply) -> str:
    return id_in(reply.document()["data"], "id")


def _deleted(reply: Reply) -> bool:
    data = reply.document().get("data")
    if not data and "resource-not-found" in facts_of(reply.status, reply.body).kinds:
        return False
    deleted = data["deleted"]
    if not isinstance(deleted, bool):
        raise TypeError("deleted")
    return deleted
