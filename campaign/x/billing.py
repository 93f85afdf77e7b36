"""X's own figures about money: the credits that an app has left, and the live list of prices."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import tweepy
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth

from campaign.errors import Refused, Unsent
from campaign.x import prices
from campaign.x.http import Reply, Session


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
    total, free = _usd(data["total_balance"]), _usd(data.get("free_balance") or 0)
    prepaid = data.get("prepaid_balance")
    return Balance(free, total - free if prepaid is None else _usd(prepaid), total)


def read_prices(url: str) -> dict[str, Decimal]:
    """Reads X's live list of prices, by the items of the built-in one; needs no keys. Raises XError."""
    parts = urlsplit(url)
    return Session(f"{parts.scheme}://{parts.netloc}").call("GET", parts.path or "/").read(_prices)


def _prices(reply: Reply) -> dict[str, Decimal]:
    document = reply.document()
    live = {
        price.item: _usd(document[table][name])
        for price, table, name in prices.LIVE_NAMES
        if name in (document.get(table) or {})
    }
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
