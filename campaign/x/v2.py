"""X's API v2: each verb of campaign.x.gateway.Gateway by tweepy's, and what X's JSON says in our records."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from campaign.errors import Refused
from campaign.x import prices
from campaign.x.error_table import GONE, SENDING_V2, facts_of
from campaign.x.http import ClientV2, Reply, id_in
from campaign.x.paging import Page, as_written, full_links, kept, read_events
from campaign.x.types import (
    Account,
    Answer,
    Follower,
    FollowerPage,
    Keys,
    MediaFile,
    MessageEvent,
    MessageEvents,
    NewMessage,
    NewPost,
    OwnPost,
    PostCounts,
    Price,
    Receipt,
)
from campaign.x.uploads import Uploads
from models import WindowName

T = TypeVar("T")

_PUBLIC, _COUNTS = "public_metrics", "public_metrics,non_public_metrics"
_SHOWN = "attachments,created_at,entities,note_tweet,referenced_tweets"
_UPLOADS = "/2/media/upload"


class GatewayV2(Uploads):
    """What the keys' account can do and see through /2/..., see campaign.x.gateway.Gateway."""

    follower_page_size = 1000
    follower_endpoints: tuple[str, ...] = ("GET /2/users/:id/followers",)
    account_price = prices.USER_READ
    post_endpoint = "POST /2/tweets"
    deletion_price = prices.POST_DELETE
    timeline_endpoint = "GET /2/users/:id/tweets"
    shortest_timeline_page, longest_timeline_page = 5, 100
    lookup_endpoint = "GET /2/tweets"
    longest_lookup = 100
    post_read_price = prices.POST_READ
    alt_text_price = prices.MEDIA_METADATA
    message_endpoint = SENDING_V2
    message_price = prices.DIRECT_MESSAGE_CREATE
    message_limits: Mapping[WindowName, int] = MappingProxyType(
        {WindowName.QUARTER_HOUR: 15, WindowName.USER_DAY: 1_440, WindowName.APP_DAY: 1_440}
    )
    events_endpoint = "GET /2/dm_events"
    event_price = prices.DIRECT_MESSAGE_EVENT_READ
    longest_event_page = 100

    def __init__(self, keys: Keys, *, owned: bool, base_url: str) -> None:
        self.follower_price = prices.OWNED_USER_READ if owned else prices.USER_READ
        self.own_post_price = prices.OWNED_POST_READ if owned else prices.POST_READ
        self._client = ClientV2(keys, base_url)

    def me(self) -> Answer[Account]:
        """Reads the account of the keys; one call."""
        reply: Reply = self._client.get_me(user_fields=["public_metrics", "protected", "subscription_type"])
        account = reply.read(_account)
        return Answer(account, (reply.receipt(self.account_price, 1),))

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """Reads a page of at most `page_size` followers; one call. `token` None is the first page."""
        # created_at would double the size of the page.
        fields = ["public_metrics", "verified", "location", "receives_your_dm"]
        reply: Reply = self._client.get_users_followers(
            user_id, max_results=page_size, pagination_token=token, user_fields=fields
        )

        def read(reply: Reply) -> FollowerPage:
            users, next_token = _page(reply)
            followers = [
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
            return FollowerPage(followers, next_token)

        page = reply.read(read)
        return Answer(page, (reply.receipt(self.follower_price, len(page.followers)),))

    def post_price(self, *, has_link: bool) -> Price:
        """Returns the price of a post, with or without a link in it."""
        return prices.POST_WITH_LINK_CREATE if has_link else prices.POST_CREATE

    def publish(self, post: NewPost, price: Price | None = None) -> Answer[str]:
        """Publishes a post and returns X's id; one call. tweepy's `create_tweet` has no field for disclosures."""
        content = {
            "text": post.text,
            "reply": post.reply_to and {"in_reply_to_tweet_id": post.reply_to},
            "media": post.media_ids and {"media_ids": list(post.media_ids)},
            "poll": post.poll and {"options": list(post.poll.options), "duration_minutes": post.poll.minutes},
            "reply_settings": post.reply_settings and post.reply_settings.value,
            "paid_partnership": post.paid_partnership,
            "made_with_ai": post.made_with_ai,
        }
        body = {name: value for name, value in content.items() if value}
        reply = self._client.request("POST", "/2/tweets", json=body)
        x_id = reply.read(lambda answer: id_in(answer.document()["data"], "id"))
        return Answer(x_id, (reply.receipt(price or self.post_price(has_link=True), 1),))

    def delete_post(self, x_id: str) -> Answer[bool]:
        """Deletes a post; False when there was no such post.

        X's documentation does not say how it answers for a post that is gone: 404, "deleted": false and a problem of
        the type resource-not-found all count.
        """
        try:
            reply: Reply = self._client.delete_tweet(x_id)
        except Refused as refused:
            if refused.reason not in GONE:
                raise
            return Answer(False, tuple(refused.receipts))

        def read(reply: Reply) -> bool:
            data = reply.document().get("data")
            if not data and "resource-not-found" in facts_of(reply.status, reply.body).kinds:
                return False
            deleted = data["deleted"]
            if not isinstance(deleted, bool):
                raise TypeError("deleted")
            return deleted

        deleted = reply.read(read)
        price = self.deletion_price if deleted else prices.NOT_CHARGED
        return Answer(deleted, (reply.receipt(price, int(deleted)),))

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        """Reads the account's posts since that second, newest first; a call for each page."""
        return self._timeline(user_id, since, at_most, _SHOWN, own_post)

    def timeline_counts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[PostCounts]]:
        """Reads the figures of the same posts."""
        return self._timeline(user_id, since, at_most, _COUNTS, counts_of)

    def _timeline(
        self, user_id: str, since: datetime, at_most: int, fields: str, record: Callable[[dict[str, Any]], T | None]
    ) -> Answer[list[T]]:
        shortest, longest = self.shortest_timeline_page, self.longest_timeline_page
        if at_most < shortest:
            raise ValueError(f"X shows at least {shortest} posts")
        query: dict[str, Any] = {"start_time": since, "exclude": "retweets", "tweet_fields": fields}
        posts, receipts, left = list[T](), list[Receipt](), at_most
        while left >= shortest:
            size = min(left, longest)
            # What a page leaves is nothing, or enough for another page.
            query["max_results"] = left - shortest if 0 < left - size < shortest else size
            with kept(receipts):
                reply = self._read_posts(receipts, lambda: self._client.get_users_tweets(user_id, **query))
                shown, next_token = reply.read(_page)
                posts += reply.read(lambda _: [post for each in shown if (post := record(each))])  # noqa: B023
            receipts.append(reply.receipt(self.own_post_price, len(shown)))
            left -= len(shown)
            query["pagination_token"] = next_token
            if next_token is None:
                break
        return Answer(posts, tuple(receipts))

    def post_counts(self, ids: Sequence[str]) -> Answer[list[PostCounts]]:
        """Reads the figures of these posts; one call, and one more for posts some of whose figures X withholds.

        X does not show such a post at all when those figures are asked for and it is older than 30 days.
        """
        if not 1 <= len(ids) <= self.longest_lookup:
            raise ValueError(f"a look-up takes 1 to {self.longest_lookup} posts")
        receipts: list[Receipt] = []
        found, problems = self._look_up(_COUNTS, list(ids), receipts)
        if withheld := [x_id for x_id in problems if problems[x_id] == "not-authorized-for-field"]:
            public, again = self._look_up(_PUBLIC, withheld, receipts)
            found, problems = found | public, problems | again
        # A post that is withheld for any other reason exists: only one that X does not find is gone.
        there = [x_id for x_id in ids if x_id in found or problems.get(x_id) != "resource-not-found"]
        return Answer([found.get(x_id) or PostCounts(x_id) for x_id in there], tuple(receipts))

    def _look_up(
        self, fields: str, ids: list[str], receipts: list[Receipt]
    ) -> tuple[dict[str, PostCounts], dict[str, str]]:
        """Reads the figures by id, and the kinds of problem of the other posts by id."""
        with kept(receipts):
            reply = self._read_posts(receipts, lambda: self._client.get_tweets(ids, tweet_fields=fields))
            found, problems = reply.read(_counted)
        receipts.append(reply.receipt(self.post_read_price, len(found)))
        return found, problems

    def _read_posts(self, receipts: list[Receipt], ask: Callable[[], Reply]) -> Reply:
        """Reads posts, by the new names of their fields once X refuses the old ones; keeps the refusal's receipt."""
        try:
            return ask()
        except Refused as refused:
            if refused.reason != "field_names" or self._client.uses_post_fields:
                raise
            receipts += refused.receipts
        self._client.uses_post_fields = True
        return ask()

    def send_message(self, message: NewMessage) -> Answer[str]:
        """Sends a direct message and returns X's id of the event; one call."""
        if not (message.recipient.isascii() and message.recipient.isdecimal()):  # it would lead to another address
            raise Refused("X knows no such person: an id of X's is a number.", reason="recipient_not_found")
        reply: Reply = self._client.create_direct_message(
            participant_id=message.recipient, text=message.text or None, media_id=message.media_id
        )
        x_id = reply.read(lambda answer: id_in(answer.document()["data"], "dm_event_id"))
        return Answer(x_id, (reply.receipt(self.message_price, 1),))

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        """Reads the account's messages after that id, newest first; a call for each page."""

        def ask(size: int, token: str | None) -> Reply:
            # Who joined or left a group is not asked for: X charges for each event that it shows.
            reply: Reply = self._client.get_direct_message_events(
                dm_event_fields="id,text,event_type,created_at,sender_id,dm_conversation_id,entities",
                event_types="MessageCreate",
                max_results=size,
                pagination_token=token,
            )
            return reply

        def read(reply: Reply) -> Page:
            shown, next_token = _page(reply)
            events = [event for each in shown if (event := _event(each, user_id))]
            return Page([int(id_in(each, "id")) for each in shown], events, next_token)

        return read_events(ask, read, self.event_price, self.longest_event_page, after_id, at_most)

    # docs.x.com/x-api/media; tweepy has no verbs for it.
    def _initialize(self, file: MediaFile, size: int) -> Reply:
        body = {"media_type": file.media_type, "total_bytes": size, "media_category": file.category}
        if file.for_messages:  # otherwise X takes it for one message only
            body["shared"] = True
        return self._client.request("POST", f"{_UPLOADS}/initialize", json=body)

    def _append(self, media_id: str, index: int, piece: tuple[str, bytes, str]) -> Reply:
        route = f"{_UPLOADS}/{media_id}/append"
        return self._client.request("POST", route, data={"segment_index": index}, files={"media": piece})

    def _finalize(self, media_id: str) -> Reply:
        return self._client.request("POST", f"{_UPLOADS}/{media_id}/finalize")

    def _status(self, media_id: str) -> Reply:
        return self._client.request("GET", _UPLOADS, {"command": "STATUS", "media_id": media_id})

    def _describe(self, media_id: str, alt_text: str) -> Reply:
        body = {"id": media_id, "metadata": {"alt_text": {"text": alt_text}}}
        return self._client.request("POST", "/2/media/metadata", json=body)


def _account(reply: Reply) -> Account:
    user = reply.document()["data"]
    subscription = user.get("subscription_type")
    return Account(
        user_id=str(user["id"]),
        username=user["username"],
        name=user.get("name") or user["username"],
        followers_count=(user.get("public_metrics") or {}).get("followers_count") or 0,
        protected=bool(user.get("protected")),
        access_level=reply.access_level,
        subscription=None if subscription == "None" else subscription,
    )


def _page(reply: Reply) -> tuple[list[dict[str, Any]], str | None]:
    """Reads what a page shows, and the next token; raises without `meta`, as it would look like the last page."""
    document = reply.document()
    meta, shown = document["meta"], document.get("data")
    if shown is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    return shown or [], meta.get("next_token") or None


def counts_of(shown: dict[str, Any]) -> PostCounts:
    """Reads the figures of a post as v2 shows it; raises ValueError when it has no id."""
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


def _counted(reply: Reply) -> tuple[dict[str, PostCounts], dict[str, str]]:
    """Reads the figures, and the kinds of problem, by id; raises when there is neither."""
    document = reply.document()
    found = {counts.x_id: counts for counts in map(counts_of, document.get("data") or [])}
    problems = {
        str(each.get("resource_id") or each.get("value")): str(each.get("type") or "").rpartition("/")[2]
        for each in document.get("errors") or []
    }
    if not found and not problems:
        raise KeyError("data")
    return found, problems


def own_post(shown: dict[str, Any]) -> OwnPost | None:
    """Reads a post, None for a repost; raises KeyError, TypeError or ValueError for anything else.

    A long post is cut in `text` and whole in `note_post`.
    """
    x_id = id_in(shown, "id")
    references = {each.get("type"): each for each in _either(shown, "referenced_posts", "referenced_tweets") or []}
    if {"retweeted", "reposted"} & references.keys():
        return None
    note = _either(shown, "note_post", "note_tweet") or {}
    links = [*_links(shown), *_links(note)]
    # Not the links that the text has to the media of another post.
    media = _media_links(links, rf"/status/{x_id}/(photo|video)/\d+$")
    return OwnPost(
        x_id=x_id,
        text=as_written(note.get("text") or shown["text"], full_links(links), media),
        created_at=datetime.fromisoformat(shown["created_at"]),
        reply_to=id_in(references["replied_to"], "id") if "replied_to" in references else None,
        media=len((shown.get("attachments") or {}).get("media_keys") or []),
    )


def _either(shown: dict[str, Any], new: str, old: str) -> Any:
    return shown.get(new) or shown.get(old)


def _links(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return (shown.get("entities") or {}).get("urls") or []


def _media_links(links: list[dict[str, Any]], own: str) -> set[str]:
    return {each["url"] for each in links if each.get("media_key") or re.search(own, each.get("expanded_url") or "")}


# docs.x.com/x-api/direct-messages: a conversation of two is named by both, one of more has a number.
_TWO_PERSONS = re.compile(r"(\d+)-(\d+)")


def _event(shown: dict[str, Any], user_id: str) -> MessageEvent | None:
    """Reads a message; None for other events, and for one among more than two persons."""
    if shown["event_type"] != "MessageCreate":
        return None
    persons = _TWO_PERSONS.fullmatch(shown["dm_conversation_id"])
    if not persons or user_id not in persons.groups():
        return None
    sender, x_id, links = id_in(shown, "sender_id"), id_in(shown, "id"), _links(shown)
    others = list(persons.groups())
    others.remove(sender)
    return MessageEvent(
        x_id=x_id,
        sender=sender,
        recipient=others[0],
        text=as_written(shown.get("text") or "", full_links(links), _media_links(links, rf"/messages/media/{x_id}$")),
        created_at=datetime.fromisoformat(shown["created_at"]),
    )
