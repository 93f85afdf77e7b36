"""X's API v2: each verb of campaign.x.gateway.Gateway by tweepy's, and what X's JSON says in our records."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeVar

import pendulum

from campaign.errors import Refused, Uncertain
from campaign.x import types
from campaign.x.error_table import GONE, SENDING_V2, facts_of
from campaign.x.http import (
    ClientV2,
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
    moment_in,
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
)
from campaign.x.uploads import Uploads
from models import WindowName

T = TypeVar("T")

_WITHHELD = frozenset({"not-authorized-for-field", "field-unauthorized"})
"""The kinds of problem of posts whose figures X shows to other people, or to no one any more."""
_PUBLIC, _COUNTS = "public_metrics", "public_metrics,non_public_metrics"
_ACCOUNT_FIELDS = ["public_metrics", "protected", "subscription_type", "profile_image_url"]
_SHOWN = "attachments,created_at,entities,in_reply_to_user_id,note_tweet,referenced_tweets"
_UPLOADS = "/2/media/upload"


class GatewayV2(Uploads):
    """What the keys' account can do and see through /2/..., see campaign.x.gateway.Gateway."""

    follower_page_size = 1000
    follower_endpoints: tuple[str, ...] = ("GET /2/users/:id/followers",)
    account_price = types.USER_READ
    post_endpoint = "POST /2/tweets"
    deletion_price = types.POST_DELETE
    timeline_endpoint = "GET /2/users/:id/tweets"
    shortest_timeline_page, longest_timeline_page = 5, 100
    lookup_endpoint = "GET /2/tweets"
    longest_lookup = 100
    post_read_price = types.POST_READ
    upload_price, alt_text_price = types.MEDIA_FINALIZE, types.MEDIA_METADATA
    message_endpoint = SENDING_V2
    message_price = types.DIRECT_MESSAGE_CREATE
    message_limits: Mapping[WindowName, int] = MappingProxyType(
        {WindowName.QUARTER_HOUR: 15, WindowName.USER_DAY: 1_440, WindowName.APP_DAY: 1_440}
    )
    events_endpoint = "GET /2/dm_events"
    event_price = types.DIRECT_MESSAGE_EVENT_READ
    shown_event_price = types.DIRECT_MESSAGE_EVENT_READ.together(types.USER_READ)
    longest_event_page = 100

    def __init__(self, keys: Keys, *, owned: bool, base_url: str, on_rejected: OnRejected | None = None) -> None:
        self.follower_price = types.OWNED_USER_READ if owned else types.USER_READ
        self.own_post_price = types.OWNED_POST_READ if owned else types.POST_READ
        self.shown_post_price = self.own_post_price.together(types.POST_READ)
        self._client = ClientV2(keys, base_url, on_rejected)
        self._expanded = set[tuple[date, str]]()

    def me(self) -> Answer[Account]:
        """Reads the account of the keys; one call."""
        reply: Reply = self._client.get_me(user_fields=_ACCOUNT_FIELDS)
        account = reply.read(_account)
        return Answer(account, (reply.receipt(self.account_price, 1),))

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """Reads a page of at most `page_size` followers; one call. `token` None is the first page."""
        # created_at would double the size of the page.
        fields = ["public_metrics", "verified", "location", "receives_your_dm"]
        reply: Reply = self._client.get_users_followers(
            user_id, max_results=page_size, pagination_token=token, user_fields=fields
        )

        users, next_token = reply.read(_page)
        followers, left_out = reply.read(lambda _: read_rows(users, _follower))
        receipts = (reply.receipt(self.follower_price, len(users)),)
        return Answer(FollowerPage(followers, next_token), receipts, tuple(left_out))

    def post_price(self, *, has_link: bool) -> Price:
        """Returns the price of a post, with or without a link in it."""
        return types.POST_WITH_LINK_CREATE if has_link else types.POST_CREATE

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
        price = self.deletion_price if deleted else types.NOT_CHARGED
        return Answer(deleted, (reply.receipt(price, int(deleted)),))

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        """Reads the account's posts since that second, newest first; a call for each page.

        Where X does not show what an answer answers, it reads as no answer: the caller can tell.
        """

        def lack_fields(shown: Sequence[dict[str, Any]]) -> bool:
            replies = [each for each in shown if each.get("in_reply_to_user_id")]
            has_references = not replies or any(_references(each) for each in replies)
            return not (has_references and any(each.get("created_at") for each in shown))

        return self._timeline(user_id, since, at_most, _SHOWN, own_post, lack_fields, "created_at")

    def timeline_counts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[PostCounts]]:
        """Reads the figures of the same posts."""
        return self._timeline(user_id, since, at_most, _COUNTS, counts_of, _lack_figures)

    def _timeline(
        self,
        user_id: str,
        since: datetime,
        at_most: int,
        fields: str,
        read: Callable[[dict[str, Any]], T | None],
        lack_fields: Callable[[Sequence[dict[str, Any]]], bool],
        needed: str = "",
    ) -> Answer[list[T]]:
        shortest, longest = self.shortest_timeline_page, self.longest_timeline_page
        if at_most < shortest:
            raise ValueError(f"X shows at least {shortest} posts")
        query: dict[str, Any] = {"start_time": since, "exclude": "retweets", "tweet_fields": fields}
        posts, left_out, receipts, left = list[T](), list[str](), list[Receipt](), at_most
        guard, left_off = StandstillGuard("posts"), ""
        while left >= shortest and not left_off:
            size = min(left, longest)
            # A page leaves nothing, or enough for another page.
            query["max_results"] = left - shortest if 0 < left - size < shortest else size
            with kept(receipts):
                reply, shown, next_token = self._read_posts(
                    lambda: self._client.get_users_tweets(user_id, **query),
                    _page,
                    lack_fields,
                    self.own_post_price,
                    needed,
                )
                found, odd = reply.read(lambda _: read_rows(shown, read))  # noqa: B023
            posts += found
            left_out += odd
            receipts += reply.read(lambda _: self._receipts(reply, self.own_post_price, len(shown)))  # noqa: B023
            left -= len(shown)
            query["pagination_token"] = next_token
            if next_token is None:
                break
            left_off = guard.check(len(shown), next_token)
        return Answer(posts, tuple(receipts), tuple(left_out), left_off)

    def post_counts(self, ids: Sequence[str]) -> Answer[list[PostCounts]]:
        """Reads the figures of these posts; one call, and one more for posts some of whose figures X withholds.

        X does not show such a post at all when those figures are asked for and it is older than 30 days.
        """
        if not 1 <= len(ids) <= self.longest_lookup:
            raise ValueError(f"a look-up takes 1 to {self.longest_lookup} posts")
        receipts, left_out = list[Receipt](), list[str]()
        found, problems = self._look_up(_COUNTS, list(ids), receipts, left_out)
        withheld = [x_id for x_id in problems if problems[x_id] in _WITHHELD and x_id not in found]
        if withheld:
            public, again = self._look_up(_PUBLIC, withheld, receipts, left_out)
            found, problems = found | public, problems | again
        # A post that is withheld for any other reason exists: only one that X does not find is gone.
        there = [x_id for x_id in ids if x_id in found or problems.get(x_id) != "resource-not-found"]
        return Answer([found.get(x_id) or PostCounts(x_id) for x_id in there], tuple(receipts), tuple(left_out))

    def _look_up(
        self, fields: str, ids: list[str], receipts: list[Receipt], left_out: list[str]
    ) -> tuple[dict[str, PostCounts], dict[str, str]]:
        """Reads the figures by id, and the kinds of problem of the other posts by id."""

        def read(reply: Reply) -> tuple[list[Any], dict[str, str]]:
            shown, problems = reply.document().get("data") or [], _problems(reply)
            if not isinstance(shown, list) or not (shown or problems):
                raise KeyError("data")
            return shown, problems

        with kept(receipts):
            reply, shown, problems = self._read_posts(
                lambda: self._client.get_tweets(ids, tweet_fields=fields), read, _lack_figures, self.post_read_price
            )
            counts, odd = reply.read(lambda _: read_rows(shown, counts_of))
        left_out += odd
        receipts += reply.read(lambda _: self._receipts(reply, self.post_read_price, len(shown)))
        return {each.x_id: each for each in counts}, problems

    def _read_posts(
        self,
        ask: Callable[[], Reply],
        read: Callable[[Reply], tuple[list[Any], T]],
        lack_fields: Callable[[Sequence[dict[str, Any]]], bool],
        price: Price,
        needed: str = "",
    ) -> tuple[Reply, list[Any], T]:
        """Reads posts, by the other names of their fields when the response lacks what was asked for.

        X drops a name silently that it does not know, and bills the posts, but each once a day. A post that X names
        among its problems may lack something, and each post all but the field `needed`, if that is given.
        """
        for _ in range(2):
            reply = ask()
            shown, more = reply.read(read)
            problems = reply.read(_problems)
            whole = [each for each in shown if isinstance(each, dict) and str(each.get("id")) not in problems]
            if not whole or not lack_fields(whole):
                return reply, shown, more
            self._client.uses_post_fields = not self._client.uses_post_fields
        if any(each.get(needed) for each in whole):
            return reply, shown, more
        raise Uncertain(
            f"X's response to {reply.endpoint} lacks the fields that were requested.",
            reason="fields_missing",
            receipts=[reply.receipt(price, len(shown))],
        )

    def _receipts(self, reply: Reply, price: Price, rows: int) -> list[Receipt]:
        """Returns the receipts of a read: its rows, and the users and posts that it shows beside them.

        X charges for one of those once a day, which is known for the calls of this process.
        """
        receipts, today = [reply.receipt(price, rows)], pendulum.now("UTC").date()
        for names, price_of_one in ((("users",), types.USER_READ), (("tweets", "posts"), types.POST_READ)):
            listed = [each for name in names for each in _included(reply, name)]
            shown = {(today, f"{names[0]} {each['id']}") for each in listed if "id" in each}
            if new := shown - self._expanded:
                receipts.append(Receipt(reply.endpoint, price_of_one, len(new)))
                self._expanded |= new
        return receipts

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
            # Who joined or left a group is not asked for: X charges for each event that it shows. The sender is a
            # field of old, and an expansion since August 2026.
            reply: Reply = self._client.get_direct_message_events(
                dm_event_fields="id,text,event_type,created_at,sender_id,dm_conversation_id,entities",
                expansions="sender_id",
                event_types="MessageCreate",
                max_results=size,
                pagination_token=token,
            )
            return reply

        def read(reply: Reply) -> tuple[Page, Sequence[Receipt]]:
            shown, next_token = _page(reply)
            users = _included(reply, "users")
            handles = {str(user.get("id")): typed(user.get("username"), str) for user in users}
            events, left_out = read_rows(shown, lambda each: _event(each, user_id, handles))
            page = Page(len(shown), min(ids_in(shown), default=None), events, left_out, next_token)
            return page, self._receipts(reply, self.event_price, len(shown))

        return read_events(ask, read, self.longest_event_page, after_id, at_most)

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
    handle, subscription = handle_in(user, "username"), user.get("subscription_type")
    return Account(
        user_id=id_in(user, "id"),
        username=handle,
        name=typed(user.get("name"), str) or handle,
        followers_count=count_in(user.get("public_metrics"), "followers_count") or 0,
        protected=bool(user.get("protected")),
        access_level=reply.access_level,
        subscription=None if subscription == "None" else typed(subscription, str),
        picture_url=typed(user.get("profile_image_url"), str),
    )


def _page(reply: Reply) -> tuple[list[Any], str | None]:
    """Reads what a page shows, and the next token; raises without `meta`, as it would look like the last page."""
    document = reply.document()
    meta, shown = document["meta"], document.get("data")
    if shown is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    if not isinstance(shown, list | None):
        raise TypeError("no list")
    return shown or [], meta.get("next_token") or None


def _included(reply: Reply, name: str) -> list[dict[str, Any]]:
    """Returns the records of a kind that a response shows beside its own; none where they have another form."""
    included = typed(reply.document().get("includes"), dict) or {}
    return [each for each in typed(included.get(name), list) or [] if isinstance(each, dict)]


def _follower(user: dict[str, Any]) -> Follower:
    """Reads a follower; a field of another type is left out, as if X had not sent it."""
    metrics = user.get("public_metrics")
    return Follower(
        id_in(user, "id"),
        typed(user.get("username"), str),
        typed(user.get("name"), str),
        count_in(metrics, "followers_count"),
        typed(user.get("verified"), bool),
        typed(user.get("location"), str),
        typed(user.get("receives_your_dm"), bool),
    )


def counts_of(shown: dict[str, Any]) -> PostCounts:
    """Reads the figures of a post as v2 shows it; raises ValueError when it has no id."""
    public, private = shown.get("public_metrics"), shown.get("non_public_metrics")
    impressions = count_in(public, "impression_count")
    return PostCounts(
        x_id=id_in(shown, "id"),
        reposts=count_in(public, "repost_count", "retweet_count"),
        likes=count_in(public, "like_count"),
        replies=count_in(public, "reply_count"),
        quotes=count_in(public, "quote_count"),
        bookmarks=count_in(public, "bookmark_count"),
        impressions=count_in(private, "impression_count") if impressions is None else impressions,
        link_visits=count_in(private, "url_link_clicks"),
    )


def _lack_figures(shown: Sequence[dict[str, Any]]) -> bool:
    """Returns whether no post has any figure: then they are missing, and not zero."""
    return not any(each.get("public_metrics") for each in shown)


def _problems(reply: Reply) -> dict[str, str]:
    """Returns the kinds of problem that X names beside the records, by the id of the record."""
    named = typed(reply.document().get("errors"), list) or []
    listed = [each for each in named if isinstance(each, dict)]
    return {
        str(each.get("resource_id") or each.get("value")): str(each.get("type") or "").rpartition("/")[2]
        for each in listed
    }


def _references(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    listed = shown.get("referenced_posts") or shown.get("referenced_tweets") or []
    return {each.get("type"): each for each in listed}


def own_post(shown: dict[str, Any]) -> OwnPost | None:
    """Reads a post, None for a repost; raises KeyError, TypeError or ValueError for anything else.

    A long post is cut in `text` and whole in `note_post`.
    """
    x_id = id_in(shown, "id")
    references = _references(shown)
    if {"retweeted", "reposted"} & references.keys():
        return None
    note = shown.get("note_post") or shown.get("note_tweet") or {}
    links = [*_links(shown), *_links(note)]
    # Not the links that the text has to the media of another post.
    media = _media_links(links, rf"/status/{x_id}/(photo|video)/\d+$")
    return OwnPost(
        x_id=x_id,
        text=as_written(note.get("text") or shown["text"], full_links(links), media),
        created_at=moment_in(shown),
        reply_to=id_in(references["replied_to"], "id") if "replied_to" in references else None,
        media=len((shown.get("attachments") or {}).get("media_keys") or []),
    )


def _links(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return (shown.get("entities") or {}).get("urls") or []


def _media_links(links: list[dict[str, Any]], own: str) -> set[str]:
    return {each["url"] for each in links if each.get("media_key") or re.search(own, each.get("expanded_url") or "")}


# docs.x.com/x-api/direct-messages: a conversation of two is named by both, one of more has a number.
_TWO_PERSONS = re.compile(r"(\d+)-(\d+)")


def _event(shown: dict[str, Any], user_id: str, handles: Mapping[str, str | None]) -> MessageEvent | None:
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
        created_at=moment_in(shown),
        username=handles.get(sender),
    )
