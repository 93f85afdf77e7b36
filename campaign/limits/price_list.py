"""X's live list of prices beside the built-in one: read once a day, and what differs."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pendulum

from campaign.errors import XError
from campaign.formatting import usd
from campaign.settings import Settings, load_settings
from campaign.x import prices
from campaign.x.billing import read_prices
from campaign.x.types import Price

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
    return [ListedPrice(price, live.get(price.item)) for price in prices.BUILT_IN]


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
