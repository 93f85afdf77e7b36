"""The only access to X: a few verbs, small records, and errors named by what the caller may do next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from campaign.errors import WrongUsage
from campaign.x.http import OnRejected
from campaign.x.types import (
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
