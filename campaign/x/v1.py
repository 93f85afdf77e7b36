"""X's API v1.1: each verb of campaign.x.gateway.Gateway by tweepy's, and what X's JSON says in our records."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from campaign.errors import Refused
from campaign.x import types
from campaign.x.error_table import GONE, SENDING_V1
from campaign.x.http import (
    ClientV1,
    OnRejected,
    Page,
    Reply,
    StandstillGuard,
    as_written,
    count_in,
    full_links,
    handle_in,
    id_in,
    ids_in,
    kept,
    read_events,
    read_rows,
    typed,
)
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
    first_id_at,
)
from campaign.x.uploads import Uploads
from models import WindowName

T = TypeVar("T")

_FIRST_CURSOR, _LAST_CURSOR = "-1", "0"
_LOOK_UP_SIZE = 100
_MOMENT = "%a %b %d %H:%M:%S %z %Y"


class GatewayV1(Uploads):
    """What the keys' account can do and see through /1.1/..., see campaign.x.gateway.Gateway."""

    follower_page_size = 5000
    follower_endpoints: tuple[str, ...] = ("GET /1.1/followers/ids", "GET /1.1/users/lookup")
    account_price = types.as_on_legacy(types.USER_READ)
    post_endpoint = "POST /1.1/statuses/update"
    deletion_price = types.as_on_legacy(types.POST_DELETE)
    timeline_endpoint = "GET /1.1/statuses/user_timeline"
    shortest_timeline_page, longest_timeline_page = 1, 200
    lookup_endpoint = "GET /1.1/statuses/lookup"
    longest_lookup = _LOOK_UP_SIZE
    post_read_price = types.as_on_legacy(types.POST_READ)
    upload_price = types.as_on_legacy(types.MEDIA_FINALIZE)
    alt_text_price = types.as_on_legacy(types.MEDIA_METADATA)
    message_endpoint = SENDING_V1
    message_price = types.as_on_legacy(types.DIRECT_MESSAGE_CREATE)
    message_limits: Mapping[WindowName, int] = MappingProxyType(
        {WindowName.USER_DAY: 1_000, WindowName.APP_DAY: 15_000}
    )
    events_endpoint = "GET /1.1/direct_messages/events/list"
    event_price = shown_event_price = types.as_on_legacy(types.DIRECT_MESSAGE_EVENT_READ)
    longest_event_page = 50

    def __init__(self, keys: Keys, *, owned: bool, base_url: str, on_rejected: OnRejected | None = None) -> None:
        self.follower_price = types.as_on_legacy(types.OWNED_USER_READ if owned else types.USER_READ)
        self.own_post_price = self.shown_post_price = types.as_on_legacy(
            types.OWNED_POST_READ if owned else types.POST_READ
        )
        self._client = ClientV1(keys, base_url, on_rejected)

    def me(self) -> Answer[Account]:
        """Reads the account of the keys; one call."""
        reply: Reply = self._client.verify_credentials(include_entities="false", skip_status="true")
        account = reply.read(_account)
        return Answer(account, (reply.receipt(self.account_price, 1),))

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """Reads a page of at most `page_size` followers: one call for the ids, one more for each 100 of them.

        The first receipt carries the price of the page, so that it costs what it would with v2.
        """
        reply: Reply = self._client.get_follower_ids(
            user_id=user_id, count=page_size, cursor=token or _FIRST_CURSOR, stringify_ids="true"
        )

        def read(reply: Reply) -> tuple[list[str], list[str], str | None]:
            # Without a cursor the page would look like the last one.
            document = reply.document()
            cursor = str(document.get("next_cursor_str") or document["next_cursor"])
            ids, left_out = read_rows([{"id": each} for each in document["ids"]], _id_in)
            return ids, left_out, None if cursor == _LAST_CURSOR else cursor

        ids, left_out, next_token = reply.read(read)
        receipts = [reply.receipt(self.follower_price, len(ids))]
        people: dict[str, Follower] = {}
        for start in range(0, len(ids), _LOOK_UP_SIZE):
            with kept(receipts):
                found, seen = self._look_up(ids[start : start + _LOOK_UP_SIZE])
            receipts += seen
            people |= {person.external_id: person for person in found}
        # A follower whom the look-up leaves out is suspended for now, and still a follower.
        page = FollowerPage([people.get(each) or Follower(each) for each in ids], next_token)
        return Answer(page, tuple(receipts), tuple(left_out))

    def _look_up(self, ids: list[str]) -> tuple[list[Follower], Sequence[Receipt]]:
        # tweepy's `lookup_users` is a POST, which has a limit of its own and may not be repeated.
        try:
            reply = self._client.request("GET", "users/lookup", user_id=",".join(ids), include_entities="false")
        except Refused as refused:
            if refused.reason != "nobody_found":
                raise
            return [], refused.receipts
        people, _ = reply.read(lambda _: read_rows(reply.read(_list), _follower))
        return people, [reply.receipt(self.follower_price, 0)]

    def post_price(self, *, has_link: bool) -> Price:
        """Returns the price of a post, with or without a link in it."""
        return types.as_on_legacy(types.POST_WITH_LINK_CREATE if has_link else types.POST_CREATE)

    def publish(self, post: NewPost, price: Price | None = None) -> Answer[str]:
        """Publishes a post and returns X's id; one call. Raises Refused for what only v2 can do."""
        if post.poll or post.reply_settings or post.paid_partnership or post.made_with_ai:
            raise Refused(
                "X's API v1.1 has no polls, reply settings and disclosures: set the service's API version to 2.",
                reason="not_in_version",
            )
        reply: Reply = self._client.update_status(
            post.text or None,
            media_ids=post.media_ids,
            in_reply_to_status_id=post.reply_to,
            # Without it an answer counts as one only when its text names the author.
            auto_populate_reply_metadata="true" if post.reply_to else None,
            trim_user="true",
        )
        x_id = reply.read(lambda answer: _id_in(answer.document()))
        return Answer(x_id, (reply.receipt(price or self.post_price(has_link=True), 1),))

    def delete_post(self, x_id: str) -> Answer[bool]:
        """Deletes a post; False when there was no such post, which X answers with 404 and code 144."""
        try:
            reply: Reply = self._client.destroy_status(x_id, trim_user="true")
        except Refused as refused:
            if refused.reason not in GONE:
                raise
            return Answer(False, tuple(refused.receipts))
        reply.read(lambda answer: _id_in(answer.document()))
        return Answer(True, (reply.receipt(self.deletion_price, 1),))

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        """Reads the account's posts since that moment, newest first; a call for each page, the last of which is empty.

        Reposts are left out here and not by X, which would count them and could show an empty page before the end.
        """
        return self._timeline(user_id, since, at_most, _post)

    def timeline_counts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[PostCounts]]:
        """Reads the figures of the same posts."""
        return self._timeline(user_id, since, at_most, _counts)

    def _timeline(
        self, user_id: str, since: datetime, at_most: int, record: Callable[[dict[str, Any]], T | None]
    ) -> Answer[list[T]]:
        if at_most < self.shortest_timeline_page:
            raise ValueError(f"X shows at least {self.shortest_timeline_page} post")
        # X shows what is newer than `since_id`.
        query = {"user_id": user_id, "since_id": max(1, int(first_id_at(since)) - 1), "tweet_mode": "extended"}
        posts, left_out, receipts, left, max_id = list[T](), list[str](), list[Receipt](), at_most, None
        guard, left_off = StandstillGuard("posts"), ""
        while left > 0 and not left_off:
            with kept(receipts):
                reply: Reply = self._client.user_timeline(
                    **query,
                    count=min(left, self.longest_timeline_page),
                    max_id=max_id,
                    include_rts="true",
                    trim_user="true",
                )
                shown = reply.read(_list)
                found, odd = reply.read(
                    lambda _: read_rows(shown, lambda each: None if each.get("retweeted_status") else record(each))  # noqa: B023
                )
            posts += found
            left_out += odd
            receipts.append(reply.receipt(self.own_post_price, len(shown)))
            if not (ids := ids_in(shown)):
                break
            left -= len(shown)
            max_id = min(ids) - 1
            left_off = guard.check(len(shown), str(max_id))
        return Answer(posts, tuple(receipts), tuple(left_out), left_off)

    def post_counts(self, ids: Sequence[str]) -> Answer[list[PostCounts]]:
        """Reads the figures of these posts; one call. With `map`, X names those that are gone, too."""
        if not 1 <= len(ids) <= self.longest_lookup:
            raise ValueError(f"a look-up takes 1 to {self.longest_lookup} posts")
        reply: Reply = self._client.lookup_statuses(ids, map="true", trim_user="true", include_entities="false")

        def read(reply: Reply) -> tuple[dict[str, PostCounts], list[str], set[str]]:
            posts = reply.document()["id"]
            gone = {x_id for x_id in posts if not posts[x_id]}
            counts, left_out = read_rows([posts[x_id] for x_id in posts if x_id not in gone], _counts)
            if left_out and not counts:
                raise ValueError("no figures")
            return {each.x_id: each for each in counts}, left_out, gone

        found, left_out, gone = reply.read(read)
        counted = [found.get(x_id) or PostCounts(x_id) for x_id in ids if x_id not in gone]
        receipts = (reply.receipt(self.post_read_price, len(found) + len(left_out)),)
        return Answer(counted, receipts, tuple(left_out))

    def send_message(self, message: NewMessage) -> Answer[str]:
        """Sends a direct message and returns X's id of the event; one call."""
        reply: Reply = self._client.send_direct_message(
            message.recipient, message.text, attachment_type="media", attachment_media_id=message.media_id
        )
        x_id = reply.read(lambda answer: id_in(answer.document()["event"], "id"))
        return Answer(x_id, (reply.receipt(self.message_price, 1),))

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        """Reads the account's messages after that id, newest first; a call for each page."""

        def ask(size: int, cursor: str | None) -> Reply:
            reply: Reply = self._client.get_direct_messages(count=size, cursor=cursor)
            return reply

        def read(reply: Reply) -> tuple[Page, Sequence[Receipt]]:
            document = reply.document()
            shown = document["events"]
            events, left_out = read_rows(shown, lambda each: _event(each, user_id))
            next_cursor = document.get("next_cursor") or None
            page = Page(len(shown), min(ids_in(shown), default=None), events, left_out, next_cursor)
            return page, [reply.receipt(self.event_price, len(shown))]

        return read_events(ask, read, self.longest_event_page, after_id, at_most)

    def _initialize(self, file: MediaFile, size: int) -> Reply:
        # Without `shared` X takes the file for one message only.
        reply: Reply = self._client.chunked_upload_init(
            size, file.media_type, media_category=file.category, shared="true" if file.for_messages else None
        )
        return reply

    def _append(self, media_id: str, index: int, piece: tuple[str, bytes, str]) -> Reply:
        reply: Reply = self._client.chunked_upload_append(media_id, piece, index)
        return reply

    def _finalize(self, media_id: str) -> Reply:
        reply: Reply = self._client.chunked_upload_finalize(media_id)
        return reply

    def _status(self, media_id: str) -> Reply:
        reply: Reply = self._client.get_media_upload_status(media_id)
        return reply

    def _describe(self, media_id: str, alt_text: str) -> Reply:
        reply: Reply = self._client.create_media_metadata(media_id, alt_text)
        return reply


def _id_in(shown: dict[str, Any]) -> str:
    return id_in(shown, "id_str", "id")


def _account(reply: Reply) -> Account:
    user = reply.document()
    handle = handle_in(user, "screen_name")
    return Account(
        user_id=_id_in(user),
        username=handle,
        name=typed(user.get("name"), str) or handle,
        followers_count=count_in(user, "followers_count") or 0,
        protected=bool(user.get("protected")),
        access_level=reply.access_level,
        picture_url=typed(user.get("profile_image_url_https"), str),
    )


def _follower(user: dict[str, Any]) -> Follower:
    """Reads a follower; a field of another type is left out, as if X had not sent it."""
    return Follower(
        _id_in(user),
        typed(user.get("screen_name"), str),
        typed(user.get("name"), str),
        count_in(user, "followers_count"),
        typed(user.get("verified"), bool),
        typed(user.get("location"), str) or None,
    )


def _list(reply: Reply) -> list[dict[str, Any]]:
    document = reply.document()
    if not isinstance(document, list):
        raise TypeError("no list")
    return document


def _post(shown: dict[str, Any]) -> OwnPost:
    links = (shown.get("entities") or {}).get("urls") or []
    media = (shown.get("extended_entities") or shown.get("entities") or {}).get("media") or []
    return OwnPost(
        x_id=_id_in(shown),
        text=as_written(shown["full_text"], full_links(links), {each["url"] for each in media}),
        created_at=datetime.strptime(shown["created_at"], _MOMENT).astimezone(UTC),
        reply_to=shown.get("in_reply_to_status_id_str") or None,
        media=len(media),
    )


def _counts(shown: dict[str, Any]) -> PostCounts:
    reposts, likes = count_in(shown, "retweet_count"), count_in(shown, "favorite_count")
    if reposts is None and likes is None:
        raise ValueError("no figures")
    return PostCounts(x_id=_id_in(shown), reposts=reposts, likes=likes)


def _event(shown: dict[str, Any], user_id: str) -> MessageEvent | None:
    """Reads a message; None for other events, and for messages of other accounts."""
    if shown["type"] != "message_create":
        return None
    create = shown["message_create"]
    sender, recipient = id_in(create, "sender_id"), id_in(create["target"], "recipient_id")
    if user_id not in {sender, recipient}:
        return None
    data = create["message_data"]
    links = (data.get("entities") or {}).get("urls") or []
    media = (data.get("attachment") or {}).get("media") or {}
    return MessageEvent(
        x_id=id_in(shown, "id"),
        sender=sender,
        recipient=recipient,
        text=as_written(data.get("text") or "", full_links(links), {media["url"]} if media.get("url") else set()),
        created_at=datetime.fromtimestamp(int(shown["created_timestamp"]) / 1000, UTC),
    )
