"""The only access to X: a few verbs, small records, and errors named by what the caller may do next.

Beside them, a tweepy client for other programs, whose calls are paid and counted like ours; and X's own figures about
money: the credits of an app, and the live prices beside the built-in ones.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import urlsplit

import pendulum
import requests
import tweepy
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth

from campaign.errors import Refused, Unsent, WrongUsage, XError
from campaign.formatting import usd
from campaign.settings import Settings, load_settings
from campaign.x import types
from campaign.x.http import OnRejected, Reply, Session, _Client, endpoint_of, typed
from campaign.x.text import has_link
from campaign.x.types import (
    DIRECT_MESSAGE_EVENT_READ,
    POST_CREATE,
    POST_DELETE,
    POST_WITH_LINK_CREATE,
    USER_READ,
    Account,
    Answer,
    FollowerPage,
    Keys,
    MediaFile,
    MessageEvents,
    NewMessage,
    NewPost,
    OwnPost,
    PostCounts,
    Price,
    UploadedMedia,
)
from campaign.x.v1 import GatewayV1
from campaign.x.v2 import GatewayV2
from models import WindowName


@dataclass(frozen=True, slots=True)
class MessageTerms:
    """Prices and limits of direct messages with one version of the API; known without keys."""

    message_endpoint: str
    message_price: Price
    message_limits: Mapping[WindowName, int]
    event_price: Price
    shown_event_price: Price
    """Of an event with its sender, whom X shows and charges once a day."""


class Gateway(Protocol):
    """The X API for one account.

    Every verb raises XError; the error carries the receipts of all calls that were answered. One odd record spoils no
    page: an answer names those that are `left_out`. Reading ends where a list stands still: `left_off` says so.
    A page of followers holds at most `follower_page_size`, each at `follower_price`; it calls `follower_endpoints`.
    A page of the own timeline holds from `shortest_timeline_page` to `longest_timeline_page` posts, each at
    `own_post_price`, at most `shown_post_price` with the post it answers. A look-up of `post_counts` holds at most
    `longest_lookup` posts, each at `post_read_price`. A message costs `message_price`, each event shown `event_price`,
    at most `shown_event_price` with its sender; a page has at most `longest_event_page` of them. `message_limits` are
    the documented limits of sending, until X names others. Endpoints are written as in receipts.
    """

    follower_page_size: int
    follower_endpoints: tuple[str, ...]
    follower_price: Price
    account_price: Price
    post_endpoint: str
    deletion_price: Price
    timeline_endpoint: str
    shortest_timeline_page: int
    longest_timeline_page: int
    own_post_price: Price
    shown_post_price: Price
    lookup_endpoint: str
    longest_lookup: int
    post_read_price: Price
    upload_price: Price
    alt_text_price: Price
    message_endpoint: str
    message_price: Price
    message_limits: Mapping[WindowName, int]
    events_endpoint: str
    event_price: Price
    shown_event_price: Price
    longest_event_page: int

    def me(self) -> Answer[Account]:
        """Reads the account of the keys, for one `account_price`."""
        ...

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """Reads a page of at most `page_size` followers, newest first; `token` is the `next_token` of the page before.

        Raises Refused with reason `page_token` when X no longer accepts the token.
        """
        ...

    def post_price(self, *, has_link: bool) -> Price:
        """Returns the price of a post; the caller decides whether its text has a link."""
        ...

    def publish(self, post: NewPost, price: Price | None = None) -> Answer[str]:
        """Publishes a post and returns X's id of it; one call, never repeated.

        The receipt is over `price`, or over a post with a link when none is given. Uncertain: the post may be
        out; look for it in `own_posts` before trying again.
        """
        ...

    def delete_post(self, x_id: str) -> Answer[bool]:
        """Deletes one of the account's posts: True when that was done now, False when the post was gone.

        Repeating it is harmless, after Uncertain too.
        """
        ...

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        """Reads the account's own posts and replies since `since`, newest first, without reposts.

        Reads at most `at_most` posts; raises ValueError for less than `shortest_timeline_page`. Older ones may exist
        when the receipts count more than `at_most - shortest_timeline_page` at `own_post_price`.
        """
        ...

    def post_counts(self, ids: Sequence[str]) -> Answer[list[PostCounts]]:
        """Reads the figures of the account's posts with these ids, in their order, without those that are gone.

        At most `longest_lookup` ids. A post that X neither shows nor reports as gone comes without figures.
        """
        ...

    def timeline_counts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[PostCounts]]:
        """Reads the figures of the account's own posts, as `own_posts` reads them; deleted ones are missing."""
        ...

    def upload(self, file: MediaFile, on_progress: Callable[[int, int], None]) -> Answer[UploadedMedia]:
        """Uploads a file for `upload_price`, and its description for `alt_text_price`.

        Calls `on_progress` with the bytes sent and the bytes in all.

        Waits until X has processed the file. Repeating it is harmless, after Uncertain too. Raises Refused with reason
        `media` when X cannot use the file, Unsent with reason `processing` when that takes too long.
        """
        ...

    def send_message(self, message: NewMessage) -> Answer[str]:
        """Sends a direct message and returns X's id of its event; one call, never repeated.

        Uncertain: it may be out; look for it in `message_events` before trying again. Refused with one of
        campaign.x.error_table.RECIPIENT_REASONS: X delivers no messages of the account to this person. Safe in
        several threads.
        """
        ...

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        """Reads the messages between the account `user_id` and single persons, its own too, newer than `after_id`.

        Newest first, a call for each page; reads at most `at_most` events, and X has none older than 30 days.
        """
        ...


_VERSIONS: dict[str, type[GatewayV1 | GatewayV2]] = {"1.1": GatewayV1, "2": GatewayV2}


def connect(
    keys: Keys, *, api_version: str, owned: bool, base_url: str, on_rejected: OnRejected | None = None
) -> Gateway:
    """Returns the gateway for the account of `keys`; calls nothing yet. `api_version` is "2" or "1.1".

    `owned` is True when this account owns the developer app, which makes its followers ten times cheaper to read.
    `on_rejected` judges calls whose keys X rejects; without it, the keys are wrong.
    """
    if api_version not in _VERSIONS:
        raise WrongUsage(f"X's API has the versions {' and '.join(_VERSIONS)}, not {api_version}.")
    return _VERSIONS[api_version](keys, owned=owned, base_url=base_url, on_rejected=on_rejected)


def message_terms(api_version: str) -> MessageTerms:
    """Returns the terms of direct messages with API version "2" or "1.1"."""
    version = _VERSIONS[api_version]
    return MessageTerms(
        version.message_endpoint,
        version.message_price,
        version.message_limits,
        version.event_price,
        version.shown_event_price,
    )


#: The most records on a page of X where a call names no number, with those that come along.
_PAGE = 100
_READ = max(USER_READ, DIRECT_MESSAGE_EVENT_READ, key=lambda price: price.usd)


Pay = Callable[[str, Price, int, Callable[[], Answer[Reply]]], Reply]
"""Makes a call to an endpoint: reserves what so many resources cost at most, and records what they did cost."""


class PaidClient(_Client, tweepy.Client):  # type: ignore[misc]
    """A `tweepy.Client` whose verbs return tweepy's responses, and raise the errors of campaign.errors."""

    def __init__(self, keys: Keys, base_url: str, pay: Pay, on_rejected: OnRejected | None = None) -> None:
        super().__init__()
        self._connect(keys, base_url, on_rejected)
        self._pay = pay
        self._user_id = keys.access_token.get_secret_value().partition("-")[0]  # a token begins with its account

    def _get_authenticating_user_id(self, *, oauth_1: bool = False) -> str:  # noqa: ARG002
        return self._user_id

    def request(
        self,
        method: str,
        route: str,
        params: dict[str, Any] | None = None,
        json: Any = None,
        user_auth: bool = True,  # noqa: ARG002  # the keys are an account's: every call is signed with them
    ) -> requests.Response:
        """Makes one call, paid from the spend cap of the service; reading is charged at the highest price of X."""
        if method == "POST" and route.startswith("/2/dm_conversations"):
            raise WrongUsage(
                "Direct messages go out by broadcasts only, which know who agreed to them: campaign delivery create."
            )
        has_address = has_link(str((json or {}).get("text", "")))
        posted = POST_WITH_LINK_CREATE if has_address else POST_CREATE
        price = {"GET": _READ, "DELETE": POST_DELETE}.get(method, posted)

        def call() -> Answer[Reply]:
            reply = self.session.call(method, route, auth=self._auth, params=params, json=json)
            return Answer(reply, (reply.receipt(price, _count(reply) if method == "GET" else 1),))

        wanted = _most_of(route, params or {}) if method == "GET" else 1
        reply = self._pay(endpoint_of(method, route), price, wanted, call)
        response = requests.Response()
        response.status_code, response._content = reply.status, reply.body  # noqa: SLF001  it has no constructor
        response.headers.update(reply.headers)
        return response


def _most_of(route: str, params: Mapping[str, Any]) -> int:
    """Returns how many records a page can have: the number or the ids that the call names, one for one record."""
    if named := params.get("ids") or params.get("usernames"):
        return str(named).count(",") + 1
    *_, before, last = route.split("/")
    is_one = last == "me" or last.isdecimal() or before == "username"
    return 1 if is_one else int(params.get("max_results") or _PAGE)


def _count(reply: Reply) -> int:
    """Counts the records of a response, with those that came along."""
    document = reply.read(Reply.document)
    data = document.get("data") or []
    beside = typed(document.get("includes"), dict) or {}
    included = sum(len(records) for records in beside.values() if isinstance(records, list))
    return included + (len(data) if isinstance(data, list) else 1)


@dataclass(frozen=True, slots=True)
class Balance:
    """The credits of a developer app in US dollars; `total` may be slightly negative."""

    free: Decimal
    prepaid: Decimal
    total: Decimal


def read_balance(consumer_key: SecretStr, consumer_secret: SecretStr, base_url: str) -> Balance | None:
    """Reads the credits of an app, two calls; None when X does not show them to this app. Raises XError."""
    session = Session(base_url)
    app = HTTPBasicAuth(consumer_key.get_secret_value(), consumer_secret.get_secret_value())
    form = {"grant_type": "client_credentials"}
    token = session.call("POST", "/oauth2/token", data=form, auth=app).read(
        lambda each: each.document()["access_token"]
    )
    try:
        reply = session.call("GET", "/2/usage/credits", auth=tweepy.OAuth2BearerHandler(str(token)))
    except (Refused, Unsent) as error:
        if error.reason not in {"not_found", "not_routed"}:
            raise
        return None
    return reply.read(_balance)


def _balance(reply: Reply) -> Balance:
    data = reply.document()["data"]
    shown = {name: _usd(amount) for name, amount in data.items() if name.endswith("_balance") and amount is not None}
    free, prepaid = shown.get("free_balance", Decimal(0)), shown.get("prepaid_balance")
    total = shown["total_balance"] if prepaid is None else shown.get("total_balance", free + prepaid)
    return Balance(free, total - free if prepaid is None else prepaid, total)


def read_prices(url: str) -> dict[str, Decimal]:
    """Reads X's live list of prices, by the items of the built-in one; needs no keys. Raises XError."""
    parts = urlsplit(url)
    return Session(f"{parts.scheme}://{parts.netloc}").call("GET", parts.path or "/").read(_prices)


def _prices(reply: Reply) -> dict[str, Decimal]:
    document, live = reply.document(), dict[str, Decimal]()
    for price, table, name in types.LIVE_NAMES:
        with suppress(KeyError, TypeError, ValueError):  # an odd price spoils no other
            live[price.item] = _usd(document[table][name])
    if not live:
        raise KeyError("prices")
    return live


def _usd(amount: Any) -> Decimal:
    try:
        usd = Decimal(str(amount))
    except InvalidOperation:
        raise ValueError("no amount") from None
    if not usd.is_finite():
        raise ValueError("no amount")
    return usd


_READ_EVERY = timedelta(days=1)
_AGAIN_AFTER_FAILURE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A built-in price, and X's live one; None where the live list does not name it or cannot be read."""

    price: Price
    live: Decimal | None

    @property
    def differs(self) -> bool:
        """Returns whether X charges something else now."""
        return self.live is not None and self.live != self.price.usd


def price_list(settings: Settings, now: datetime, *, fresh: bool = False) -> list[ListedPrice]:
    """Returns all prices; X's list is read again after a day, or at once for a `fresh` one. Raises XError only then."""
    file, live = settings.home / "prices.json", dict[str, Decimal]()
    with suppress(OSError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        saved = json.loads(file.read_text())
        live = {item: Decimal(amount) for item, amount in saved["prices"].items()}
        if not fresh and now < datetime.fromisoformat(saved["until"]):
            return _compare(live)
    try:
        live, until = read_prices(settings.prices_url), now + _READ_EVERY
    except XError:
        if fresh:
            raise
        until = now + _AGAIN_AFTER_FAILURE
    with suppress(OSError):  # it is read again then
        amounts = {item: str(amount) for item, amount in live.items()}
        file.write_text(json.dumps({"until": until.isoformat(), "prices": amounts}))
    return _compare(live)


def _compare(live: Mapping[str, Decimal]) -> list[ListedPrice]:
    return [ListedPrice(price, live.get(price.item)) for price in types.BUILT_IN]


def current_price_warning() -> str:
    """Returns the sentence about prices that differ now; empty when none does or X's list cannot be read."""
    return price_warning(price_list(load_settings(), pendulum.now("UTC")))


def price_warning(listed: list[ListedPrice]) -> str:
    """Returns the sentence about prices that differ; empty when none does."""
    different = [
        f"{one.price.item} costs {usd(one.live)} instead of {usd(one.price.usd)}"
        for one in listed
        if one.differs and one.live is not None
    ]
    if not different:
        return ""
    return (
        f"X's prices have changed: {', '.join(different)}. Costs and caps are still calculated with the old ones:"
        " install a newer version, and lower the spend caps until then."
    )
