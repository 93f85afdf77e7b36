"""X's prices, as written in its documentation."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from campaign.x.types import Price

_PAGE = "docs.x.com/x-api/getting-started/pricing"
_AS_OF = date(2026, 8, 22)


def _price(item: str, usd: str) -> Price:
    return Price(item, Decimal(usd), _PAGE, _AS_OF)


USER_READ = _price("User: Read", "0.010")
"""A user read with any keys; `GET /2/users/me` is not among the owned reads."""
OWNED_USER_READ = _price("Owned Read: user", "0.001")
"""A follower of the account that owns the developer app, read with that account's keys."""
POST_READ = _price("Post: Read", "0.005")
OWNED_POST_READ = _price("Owned Read: post", "0.001")
POST_CREATE = _price("Post: Create", "0.015")
POST_WITH_LINK_CREATE = _price("Post: Create with URL", "0.200")
POST_DELETE = _price("Content: Manage", "0.005")
MEDIA_FINALIZE = Price("Media: finalize", Decimal("0.010"), "github.com/xdevplatform/playground", _AS_OF)
"""The end of an upload: it is missing on the page, and in X's own playground and list for agents."""
MEDIA_METADATA = _price("Media: metadata", "0.005")
"""The alternative text of a file."""
DIRECT_MESSAGE_CREATE = _price("DM: Create", "0.015")
DIRECT_MESSAGE_EVENT_READ = _price("DM Event: Read", "0.010")

BUILT_IN = (
    USER_READ,
    OWNED_USER_READ,
    POST_READ,
    OWNED_POST_READ,
    POST_CREATE,
    POST_WITH_LINK_CREATE,
    POST_DELETE,
    MEDIA_FINALIZE,
    MEDIA_METADATA,
    DIRECT_MESSAGE_CREATE,
    DIRECT_MESSAGE_EVENT_READ,
)
"""All prices that are calculated with."""
LIVE_NAMES = (
    (USER_READ, "eventTypePricing", "User"),
    (POST_READ, "eventTypePricing", "Post"),
    (DIRECT_MESSAGE_EVENT_READ, "eventTypePricing", "DirectMessage"),
    (POST_CREATE, "requestTypePricing", "ContentCreate"),
    (POST_DELETE, "requestTypePricing", "ContentManage"),
    (MEDIA_METADATA, "requestTypePricing", "MediaMetadata"),
    (DIRECT_MESSAGE_CREATE, "requestTypePricing", "DmInteractionCreate"),
)
"""The names of some of them in X's live list (console.x.com/api/credits/pricing)."""

NOT_CHARGED = _price("Answer without resources", "0")
"""Reads are charged by the resource returned, so a refusal costs nothing."""


def as_on_legacy(price: Price) -> Price:
    """Returns the same price for a v1.1 call: X's price list has no v1.1 rows, so v2's are counted."""
    return replace(price, source=f"{price.source} (v2's price: v1.1 has no rows)")
