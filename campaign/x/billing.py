"""X's own figures about money: the credits of an app, and the live prices beside the built-in ones."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import pendulum
import tweepy
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth

from campaign.errors import Refused, Unsent, XError
from campaign.formatting import usd
from campaign.settings import Settings, load_settings
from campaign.x import types
from campaign.x.http import Reply, Session
from campaign.x.types import Price


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
