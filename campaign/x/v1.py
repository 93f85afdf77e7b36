"""X's API v1.1."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

import tweepy

from campaign.errors import Refused
from campaign.x import prices
from campaign.x.error_table import GONE, SENDING_V1
from campaign.x.http import UPLOADS, ask, client_of, send
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


_ROUTE = "/1.1/media/upload.json"


class MediaV1:
    """Uploading, see campaign.x.gateway.Gateway."""

    alt_text_price = prices.as_on_legacy(prices.MEDIA_METADATA)
    _client: tweepy.Client

    def upload(self, file: MediaFile, on_progress: Callable[[int, int], None]) -> Answer[UploadedMedia]:
        """Send the file in pieces."""
        return upload(_CallsV1(self._client), file, on_progress)


class _CallsV1:
    """The commands INIT, APPEND, FINALIZE and STATUS of media/upload, and media/metadata/create, as in tweepy.API."""

    alt_text_price = MediaV1.alt_text_price

    def __init__(self, client: tweepy.Client) -> None:
        self._client = client

    def initialize(self, file: MediaFile, size: int) -> Reply:
        form = {"media_type": file.media_type, "total_bytes": size, "media_category": file.category}
        if file.for_messages:  # otherwise X takes it for one message only
            form["shared"] = "true"
        return self._send({"command": "INIT", **form})

    def append(self, media_id: str, index: int, chunk: bytes) -> Reply:
        form = {"command": "APPEND", "media_id": media_id, "segment_index": index}
        return self._send(form, files={"media": ("media", chunk, "application/octet-stream")})

    def finalize(self, media_id: str) -> Reply:
        return self._send({"command": "FINALIZE", "media_id": media_id})

    def status(self, media_id: str) -> Reply:
        return send(
            self._client, _ROUTE, method="GET", host=UPLOADS, params={"command": "STATUS", "media_id": media_id}
        )

    def describe(self, media_id: str, alt_text: str) -> Reply:
        body = {"media_id": media_id, "alt_text": {"text": alt_text}}
        return send(self._client, "/1.1/media/metadata/create.json", host=UPLOADS, json=body)

    def _send(self, form: dict[str, Any], **content: Any) -> Reply:
        return send(self._client, _ROUTE, host=UPLOADS, data=form, **content)


_MESSAGE_ROUTE = "/1.1/direct_messages/events"


class MessagesV1:
    """Sending and looking, see campaign.x.gateway.Gateway."""

    message_endpoint = SENDING_V1
    message_price = prices.as_on_legacy(prices.DIRECT_MESSAGE_CREATE)
    message_limits: Mapping[WindowName, int] = MappingProxyType(
        {WindowName.USER_DAY: 1_000, WindowName.APP_DAY: 15_000}
    )
    events_endpoint = "GET /1.1/direct_messages/events/list"
    event_price = prices.as_on_legacy(prices.DIRECT_MESSAGE_EVENT_READ)
    longest_event_page = 50
    _client: tweepy.Client

    def send_message(self, message: NewMessage) -> Answer[str]:
        """Send and return X's id of the event; one call."""
        reply = ask(self._client, "POST", f"{_MESSAGE_ROUTE}/new.json", document=_body(message))
        x_id = reply.read(_sent)
        return Answer(x_id, (reply.receipt(self.message_price, 1),))

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        """The account's messages after that id, newest first; a call for each page."""

        def page(size: int, cursor: str | None) -> Reply:
            return ask(self._client, "GET", f"{_MESSAGE_ROUTE}/list.json", query={"count": size, "cursor": cursor})

        def read(reply: Reply) -> Page:
            return _page(reply, user_id)

        return read_events(page, read, self.event_price, self.longest_event_page, after_id, at_most)


def _body(message: NewMessage) -> dict[str, Any]:
    data: dict[str, Any] = {"text": message.text}
    if message.media_id:
        data["attachment"] = {"type": "media", "media": {"id": message.media_id}}
    create = {"target": {"recipient_id": message.recipient}, "message_data": data}
    return {"event": {"type": "message_create", "message_create": create}}


def _sent(reply: Reply) -> str:
    return id_in(reply.document()["event"], "id")


def _page(reply: Reply, user_id: str) -> Page:
    """The page; only the last one does not say where to go on."""
    document = reply.document()
    shown = document["events"]
    events = [event for each in shown if (event := _event(each, user_id))]
    return Page([int(id_in(each, "id")) for each in shown], events, document.get("next_cursor") or None)


def _event(shown: dict[str, Any], user_id: str) -> MessageEvent | None:
    """The message; None for what is none."""
    if shown["type"] != "message_create":
        return None
    create = shown["message_create"]
    sender, recipient = id_in(create, "sender_id"), id_in(create["target"], "recipient_id")
    if user_id not in {sender, recipient}:
        return None
    return MessageEvent(
        x_id=id_in(shown, "id"),
        sender=sender,
        recipient=recipient,
        text=_text(create["message_data"]),
        created_at=datetime.fromtimestamp(int(shown["created_timestamp"]) / 1000, UTC),
    )


def _text(data: dict[str, Any]) -> str:
    """The text as it was written, without the link that X adds for a file."""
    links = (data.get("entities") or {}).get("urls") or []
    media = (data.get("attachment") or {}).get("media") or {}
    return as_written(
        data.get("text") or "",
        {each["url"]: each["expanded_url"] for each in links if each.get("expanded_url")},
        {media["url"]} if media.get("url") else set(),
    )


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
            query["max_id"] = str(min(int(_id_in(each)) for each in shown) - 1)
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
        x_id=_id_in(shown),
        text=as_written(
            shown["full_text"],
            {each["url"]: each["expanded_url"] for each in links if each.get("expanded_url")},
            {each["url"] for each in media},
        ),
        created_at=datetime.strptime(shown["created_at"], _MOMENT).astimezone(UTC),
        reply_to=shown.get("in_reply_to_status_id_str") or None,
        media=len(media),
    )


def _id_in(shown: dict[str, Any]) -> str:
    return id_in(shown, "id_str", "id")


_FIRST_CURSOR, _LAST_CURSOR = "-1", "0"
_LOOK_UP_SIZE = 100


class GatewayV1(PostsV1, TimelineV1, CountsV1, MediaV1, MessagesV1):
    """What the keys' account can do and see through /1.1/..., see campaign.x.gateway.Gateway.

    It calls through tweepy's v2 client: tweepy's v1.1 one insists on https and closes the connection after each call.
    """

    follower_page_size = 5000
    follower_endpoints: tuple[str, ...] = ("GET /1.1/followers/ids", "GET /1.1/users/lookup")

    def __init__(self, keys: Keys, *, owned: bool, base_url: str) -> None:
        self.follower_price = prices.as_on_legacy(prices.follower_price(owned=owned))
        self.account_price = prices.as_on_legacy(prices.USER_READ)
        self.own_post_price = prices.as_on_legacy(prices.own_post_price(owned=owned))
        self._client = client_of(keys, base_url)

    def me(self) -> Answer[Account]:
        """The account the keys belong to; one call."""
        reply = self._get("account/verify_credentials", include_entities="false", skip_status="true")
        account = reply.read(_account)
        return Answer(account, (reply.receipt(self.account_price, 1),))

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """A page of at most `page_size` followers: one call for the ids, one more for each 100 of them.

        The first receipt carries the price of the page, so that it costs what it would with v2.
        """
        reply = self._get(
            "followers/ids", user_id=user_id, count=page_size, cursor=token or _FIRST_CURSOR, stringify_ids="true"
        )
        ids, next_token = reply.read(_ids)
        receipts = [reply.receipt(self.follower_price, len(ids))]
        people: dict[str, Follower] = {}
        for start in range(0, len(ids), _LOOK_UP_SIZE):
            with kept(receipts):
                found, seen = self._look_up(ids[start : start + _LOOK_UP_SIZE])
            receipts += seen
            people |= {person.external_id: person for person in found}
        # Whom the look-up leaves out is suspended for now, and still a follower.
        page = FollowerPage([people.get(each) or Follower(each) for each in ids], next_token)
        return Answer(page, tuple(receipts))

    def _look_up(self, ids: list[str]) -> tuple[list[Follower], Sequence[Receipt]]:
        try:
            reply = self._get("users/lookup", user_id=",".join(ids), include_entities="false")
        except Refused as refused:
            if refused.reason != "nobody_found":
                raise
            return [], refused.receipts
        return reply.read(_people), [reply.receipt(self.follower_price, 0)]

    def _get(self, route: str, **params: Any) -> Reply:
        return ask(self._client, "GET", f"/1.1/{route}.json", query=params)


def _account(reply: Reply) -> Account:
    user = reply.document()
    return Account(
        user_id=_id_of(user),
        username=user["screen_name"],
        name=user.get("name") or user["screen_name"],
        followers_count=user.get("followers_count") or 0,
        protected=bool(user.get("protected")),
        access_level=reply.access_level,
    )


def _ids(reply: Reply) -> tuple[list[str], str | None]:
    """The ids and where to go on; a page that does not say where is no page: it would look like the last one."""
    document = reply.document()
    cursor = str(document.get("next_cursor_str") or document["next_cursor"])
    return [str(each) for each in document["ids"]], None if cursor == _LAST_CURSOR else cursor


def _people(reply: Reply) -> list[Follower]:
    return [
        Follower(
            _id_of(user),
            user.get("screen_name"),
            user.get("name"),
            user.get("followers_count"),
            user.get("verified"),
            user.get("location") or None,
        )
        for user in reply.document()
    ]


def _id_of(user: dict[str, Any]) -> str:
    return str(user.get("id_str") or user["id"])
