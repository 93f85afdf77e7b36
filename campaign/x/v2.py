"""X's API v2."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

import tweepy

from campaign.errors import Refused
from campaign.x import prices
from campaign.x.error_table import GONE, SENDING_V2, facts_of
from campaign.x.http import Response, ask, client_of, send
from campaign.x.keys import Keys
from campaign.x.paging import Page, as_written, kept, read_events
from campaign.x.replies import Reply, id_in
from campaign.x.types import (
    Account,
    Answer,
    Follower,
    FollowerPage,
    MediaFile,
    MessageEvent,
    MessageEvents,
    NewMessage,
    NewPost,
    OwnPost,
    PostCounts,
    Price,
    Receipt,
    UploadedMedia,
)
from campaign.x.uploads import upload
from models import WindowName

# X's OpenAPI 2.167 (2026-08-07) renamed them; its documentation shows the old ones everywhere.
_OLD, _NEW = "tweet", "post"


class FieldsV2:
    """Asks with the names that X accepts; the gateway remembers them."""

    _client: tweepy.Client
    _word = _OLD

    def _ask_for(self, fields: str, receipts: list[Receipt], route: str, query: Mapping[str, Any]) -> Reply:
        """The posts with these fields, in their old names; `receipts` gets that of a question in vain."""
        try:
            return self._ask_once(fields, route, query)
        except Refused as refused:
            if refused.reason != "field_names" or self._word == _NEW:
                raise
            receipts += refused.receipts
        self._word = _NEW
        return self._ask_once(fields, route, query)

    def _ask_once(self, fields: str, route: str, query: Mapping[str, Any]) -> Reply:
        named = {f"{self._word}.fields": fields.replace(_OLD, self._word)}
        return ask(self._client, "GET", route, query={**query, **named})


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


_ROUTE = "/2/media/upload"


class MediaV2:
    """Uploading, see campaign.x.gateway.Gateway."""

    alt_text_price = prices.MEDIA_METADATA
    _client: tweepy.Client

    def upload(self, file: MediaFile, on_progress: Callable[[int, int], None]) -> Answer[UploadedMedia]:
        """Send the file in pieces."""
        return upload(_CallsV2(self._client), file, on_progress)


class _CallsV2:
    """docs.x.com/x-api/media: initialize, append, finalize, get upload status, create metadata."""

    alt_text_price = prices.MEDIA_METADATA

    def __init__(self, client: tweepy.Client) -> None:
        self._client = client

    def initialize(self, file: MediaFile, size: int) -> Reply:
        body = {"media_type": file.media_type, "total_bytes": size, "media_category": file.category}
        if file.for_messages:  # otherwise X takes it for one message only
            body["shared"] = True
        return ask(self._client, "POST", f"{_ROUTE}/initialize", document=body)

    def append(self, media_id: str, index: int, chunk: bytes) -> Reply:
        return send(
            self._client,
            f"{_ROUTE}/{media_id}/append",
            data={"segment_index": index},
            files={"media": ("media", chunk, "application/octet-stream")},
        )

    def finalize(self, media_id: str) -> Reply:
        return ask(self._client, "POST", f"{_ROUTE}/{media_id}/finalize")

    def status(self, media_id: str) -> Reply:
        return ask(self._client, "GET", _ROUTE, query={"command": "STATUS", "media_id": media_id})

    def describe(self, media_id: str, alt_text: str) -> Reply:
        body = {"id": media_id, "metadata": {"alt_text": {"text": alt_text}}}
        return ask(self._client, "POST", "/2/media/metadata", document=body)


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


_REPOSTED = {"retweeted", "reposted"}


def own_post(shown: dict[str, Any]) -> OwnPost | None:
    """The post, None for a repost; raises KeyError, TypeError or ValueError when it is none.

    A long post is cut in `text` and whole in `note_post`.
    """
    x_id = id_in(shown, "id")
    references = {each.get("type"): each for each in _either(shown, "referenced_posts", "referenced_tweets") or []}
    if _REPOSTED & references.keys():
        return None
    note = _either(shown, "note_post", "note_tweet") or {}
    links = [*_links(shown), *_links(note)]
    return OwnPost(
        x_id=x_id,
        text=as_written(note.get("text") or shown["text"], _full(links), _own_media(links, x_id)),
        created_at=datetime.fromisoformat(shown["created_at"]),
        reply_to=id_in(references["replied_to"], "id") if "replied_to" in references else None,
        media=len((shown.get("attachments") or {}).get("media_keys") or []),
    )


def message_text(shown: dict[str, Any]) -> str:
    """The text of a direct message; empty when there is only a file."""
    links = _links(shown)
    own = re.compile(rf"/messages/media/{id_in(shown, 'id')}$")
    return as_written(shown.get("text") or "", _full(links), _media(links, own))


def _either(shown: dict[str, Any], new: str, old: str) -> Any:
    return shown.get(new) or shown.get(old)


def _links(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return (shown.get("entities") or {}).get("urls") or []


def _full(links: list[dict[str, Any]]) -> dict[str, str]:
    return {each["url"]: each["expanded_url"] for each in links if each.get("expanded_url")}


def _own_media(links: list[dict[str, Any]], x_id: str) -> set[str]:
    """The links that X put in for the post's own media, not those that somebody wrote to another's."""
    return _media(links, re.compile(rf"/status/{x_id}/(photo|video)/\d+$"))


def _media(links: list[dict[str, Any]], own: re.Pattern[str]) -> set[str]:
    return {each["url"] for each in links if each.get("media_key") or own.search(each.get("expanded_url") or "")}


# Who joined or left a group is not asked for: X charges for each event that it shows.
_MESSAGES = {
    "dm_event.fields": "id,text,event_type,created_at,sender_id,dm_conversation_id,entities",
    "event_types": "MessageCreate",
}
# docs.x.com/x-api/direct-messages: a conversation of two is named by both, one of more has a number.
_TWO_PERSONS = re.compile(r"(\d+)-(\d+)")


class MessagesV2:
    """Sending and looking, see campaign.x.gateway.Gateway."""

    message_endpoint = SENDING_V2
    message_price = prices.DIRECT_MESSAGE_CREATE
    message_limits: Mapping[WindowName, int] = MappingProxyType(
        {WindowName.QUARTER_HOUR: 15, WindowName.USER_DAY: 1_440, WindowName.APP_DAY: 1_440}
    )
    events_endpoint = "GET /2/dm_events"
    event_price = prices.DIRECT_MESSAGE_EVENT_READ
    longest_event_page = 100
    _client: tweepy.Client

    def send_message(self, message: NewMessage) -> Answer[str]:
        """Send and return X's id of the event; one call."""
        reply = ask(self._client, "POST", _route(message.recipient), document=_message_body(message))
        x_id = reply.read(_sent)
        return Answer(x_id, (reply.receipt(self.message_price, 1),))

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        """The account's messages after that id, newest first; a call for each page."""

        def page(size: int, token: str | None) -> Reply:
            query = {**_MESSAGES, "max_results": size, "pagination_token": token}
            return ask(self._client, "GET", "/2/dm_events", query=query)

        def read(reply: Reply) -> Page:
            return _page(reply, user_id)

        return read_events(page, read, self.event_price, self.longest_event_page, after_id, at_most)


def _route(recipient: str) -> str:
    """Where to send; what is no id would lead elsewhere."""
    if not (recipient.isascii() and recipient.isdecimal()):
        raise Refused("X knows no such person: an id of X's is a number.", reason="recipient_not_found")
    return f"/2/dm_conversations/with/{recipient}/messages"


def _message_body(message: NewMessage) -> dict[str, Any]:
    """The JSON of X's CreateDmEventRequest; what is not set is left out."""
    body: dict[str, Any] = {"text": message.text} if message.text else {}
    if message.media_id:
        body["attachments"] = [{"media_id": message.media_id}]
    return body


def _sent(reply: Reply) -> str:
    return id_in(reply.document()["data"], "dm_event_id")


def _page(reply: Reply, user_id: str) -> Page:
    """The page; one without `meta` is no page: it would look like the last one."""
    document = reply.document()
    meta, shown = document["meta"], document.get("data")
    if shown is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    events = [event for each in shown or [] if (event := _event(each, user_id))]
    return Page([int(id_in(each, "id")) for each in shown or []], events, meta.get("next_token") or None)


def _event(shown: dict[str, Any], user_id: str) -> MessageEvent | None:
    """The message; None for what is none, and for one among more than two persons."""
    if shown["event_type"] != "MessageCreate":
        return None
    persons = _TWO_PERSONS.fullmatch(shown["dm_conversation_id"])
    if not persons or user_id not in persons.groups():
        return None
    sender = id_in(shown, "sender_id")
    others = list(persons.groups())
    others.remove(sender)
    return MessageEvent(
        x_id=id_in(shown, "id"),
        sender=sender,
        recipient=others[0],
        text=message_text(shown),
        created_at=datetime.fromisoformat(shown["created_at"]),
    )


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
                page = reply.read(lambda answer: _timeline_page(answer, record))
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


def _timeline_page(reply: Reply, record: Callable[[dict[str, Any]], T | None]) -> _Page[T]:
    """The page; one without `meta` is no page: it would look like the last one."""
    document = reply.document()
    meta, shown = document["meta"], document.get("data")
    if shown is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    posts = [post for each in shown or [] if (post := record(each))]
    return _Page(posts, len(shown or []), meta.get("next_token") or None)


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
        page = reply.read(_follower_page)
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


def _follower_page(reply: Reply) -> FollowerPage:
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
