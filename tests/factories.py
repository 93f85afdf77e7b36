"""One maker per kind of thing, each with one dict of defaults."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from campaign.services.fields import ServiceFields, read_fields
from campaign.x.types import Account, Follower, FollowerPage, Price, Receipt, Window
from models import ApiVersion, Service, SyncMode, SyncRun, WindowName

#: A Thursday, the day of the schedule.
NOW = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)


def service(**changes: Any) -> Service:
    defaults: dict[str, Any] = {
        "block_id": "block-acme",
        "internal_name": "acme",
        "label": "Acme",
        "visitor_folder": "Visitors",
        "synchronize": True,
        "proof": False,
        "api_version": ApiVersion.V2,
        "owned": True,
        "spend_cap": Decimal(50),
        "x_user_id": None,
    }
    return Service(**{**defaults, **changes})


def form(**changes: Any) -> ServiceFields:
    """The fields of a service as a person fills them in."""
    defaults: dict[str, Any] = {
        "label": "Acme",
        "internal_name": "acme",
        "consumer_key": "the-consumer-key",
        "consumer_secret": "the-consumer-secret",
        "access_token": "the-access-token",
        "access_token_secret": "the-access-token-secret",
    }
    return read_fields(defaults | changes)


def account(**changes: Any) -> Account:
    defaults: dict[str, Any] = {
        "user_id": "42",
        "username": "acme",
        "name": "Acme",
        "followers_count": 12_000,
        "protected": False,
        "access_level": "read-write-directmessages",
    }
    return Account(**{**defaults, **changes})


def sync_run(**changes: Any) -> SyncRun:
    defaults: dict[str, Any] = {"id": 7, "service_id": 1, "mode": SyncMode.FULL, "started_at": NOW}
    return SyncRun(**{**defaults, **changes})


def follower(number: int, **changes: Any) -> Follower:
    defaults: dict[str, Any] = {
        "external_id": str(number),
        "username": f"person_{number}",
        "full_name": f"Person {number}",
        "followers_count": 10,
        "verified": False,
    }
    return Follower(**{**defaults, **changes})


def page(people: Iterable[int | Follower], next_token: str | None = None) -> FollowerPage:
    """A page of people, given as such or as numbers; the last one unless it has a token."""
    return FollowerPage([follower(one) if isinstance(one, int) else one for one in people], next_token)


def price(**changes: Any) -> Price:
    defaults: dict[str, Any] = {
        "item": "Owned read",
        "usd": Decimal("0.001"),
        "source": "the price list",
        "as_of": date(2026, 11, 1),
    }
    return Price(**{**defaults, **changes})


def window(**changes: Any) -> Window:
    defaults: dict[str, Any] = {"name": WindowName.QUARTER_HOUR, "limit": 15, "remaining": 14, "reset_at": NOW}
    return Window(**{**defaults, **changes})


def receipt(**changes: Any) -> Receipt:
    defaults: dict[str, Any] = {"endpoint": "GET /2/users/:id/followers", "price": price(), "resources": 1_000}
    return Receipt(**{**defaults, **changes})
