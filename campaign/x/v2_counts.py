"""What X's API v2 counts of posts, under the names of before and after 2026-08-07."""

from collections.abc import Sequence
from typing import Any

from campaign.domain.post_counts import PostCounts
from campaign.domain.receipt import Answer, Receipt
from campaign.x import prices
from campaign.x.receipts import kept
from campaign.x.replies import Reply, id_in
from campaign.x.v2_fields import FieldsV2

PUBLIC, COUNTS = "public_metrics", "public_metrics,non_public_metrics"
LOOK_UP_SIZE = 100
_GONE, _KEPT_BACK = "resource-not-found", "not-authorized-for-field"


class CountsV2(FieldsV2):
    """The figures of posts that are known by their ids, see campaign.x.gateway.Gateway."""

    lookup_endpoint = "GET /2/tweets"
    longest_lookup = LOOK_UP_SIZE
    post_read_price = prices.POST_READ

    def post_counts(self, ids: Sequence[str]) -> Answer[list[PostCounts]]:
        """The figures of these posts; one call, and one more for posts whose author alone may know some of them.

        X shows such a post not at all when those figures are asked for and it is older than 30 days.
        """
        if not 1 <= len(ids) <= self.longest_lookup:
            raise ValueError(f"X tells of 1 to {self.longest_lookup} posts at once")
        receipts: list[Receipt] = []
        found, problems = self._look_up(COUNTS, ids, receipts)
        kept_back = [x_id for x_id in problems if problems[x_id] == _KEPT_BACK]
        if kept_back:
            public, again = self._look_up(PUBLIC, kept_back, receipts)
            found, problems = found | public, problems | again
        # Whatever else keeps a post from being shown, it is there: only one that X knows no more has ended.
        there = [x_id for x_id in ids if x_id in found or problems.get(x_id) != _GONE]
        return Answer([found.get(x_id) or PostCounts(x_id) for x_id in there], tuple(receipts))

    def _look_up(
        self, fields: str, ids: Sequence[str], receipts: list[Receipt]
    ) -> tuple[dict[str, PostCounts], dict[str, str]]:
        """The figures by id, and by id the kind of problem that X has with the others."""
        with kept(receipts):
            reply = self._ask_for(fields, receipts, "/2/tweets", {"ids": ",".join(ids)})
            found, problems = reply.read(_answered)
        receipts.append(reply.receipt(self.post_read_price, len(found)))
        return found, problems


def counts_of(shown: dict[str, Any]) -> PostCounts:
    """The figures of a post as v2 shows it; raises ValueError when it is none."""
    public, private = shown.get("public_metrics") or {}, shown.get("non_public_metrics") or {}
    return PostCounts(
        x_id=id_in(shown, "id"),
        reposts=public.get("repost_count", public.get("retweet_count")),
        likes=public.get("like_count"),
        replies=public.get("reply_count"),
        quotes=public.get("quote_count"),
        bookmarks=public.get("bookmark_count"),
        impressions=public.get("impression_count", private.get("impression_count")),
        link_visits=private.get("url_link_clicks"),
    )


def _answered(reply: Reply) -> tuple[dict[str, PostCounts], dict[str, str]]:
    """What is shown and what is not; an answer that tells of no post is none."""
    document = reply.document()
    found = {counts.x_id: counts for counts in map(counts_of, document.get("data") or [])}
    problems = {
        str(each.get("resource_id") or each.get("value")): str(each.get("type") or "").rpartition("/")[2]
        for each in document.get("errors") or []
    }
    if not found and not problems:
        raise KeyError("data")
    return found, problems
