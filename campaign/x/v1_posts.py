"""Posts go out and away through X's API v1.1."""

from typing import Any

import tweepy

from campaign.domain.posts import NewPost
from campaign.domain.receipt import Answer, Price
from campaign.errors import Refused
from campaign.x import prices
from campaign.x.client import send
from campaign.x.post_refusals import GONE
from campaign.x.replies import Reply, id_in


class PostsV1:
    """Publishing and deleting, see campaign.x.gateway.Gateway."""

    post_endpoint = "POST /1.1/statuses/update"
    deletion_price = prices.as_on_legacy(prices.POST_DELETE)
    _client: tweepy.Client

    def post_price(self, *, has_link: bool) -> Price:
        """What a post costs, with or without a link in it."""
        return prices.as_on_legacy(prices.post_price(has_link=has_link))

    def publish(self, post: NewPost, price: Price | None = None) -> Answer[str]:
        """Publish and return X's id; one call, the text in its body, where no log of addresses shows it."""
        reply = send(self._client, "/1.1/statuses/update.json", data=_form(post))
        x_id = reply.read(_id)
        return Answer(x_id, (reply.receipt(price or self.post_price(has_link=True), 1),))

    def delete_post(self, x_id: str) -> Answer[bool]:
        """Delete; False when there was no such post, which X answers with 404 and code 144."""
        try:
            reply = send(self._client, f"/1.1/statuses/destroy/{x_id}.json", data={"trim_user": "true"})
        except Refused as refused:
            if refused.reason not in GONE:
                raise
            return Answer(False, tuple(refused.receipts))
        reply.read(_id)
        return Answer(True, (reply.receipt(self.deletion_price, 1),))


def _form(post: NewPost) -> dict[str, str]:
    """The form of statuses/update; raises Refused for what only v2 can do, rather than leave it out."""
    if post.poll or post.reply_settings or post.paid_partnership:
        raise Refused(
            "X's API v1.1 has no polls, reply settings and paid partnerships: set the service's API version to 2.",
            reason="not_in_version",
        )
    form: dict[str, Any] = {
        "status": post.text,
        "media_ids": ",".join(post.media_ids),
        "in_reply_to_status_id": post.reply_to,
        # Without it an answer counts as one only when its text names the author.
        "auto_populate_reply_metadata": post.reply_to and "true",
        "trim_user": "true",
    }
    return {name: value for name, value in form.items() if value}


def _id(reply: Reply) -> str:
    return id_in(reply.document(), "id_str", "id")
